"""One request's rows on their way through the queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Values = list[Any]
"""One prediction a row: a float, or where the graph answers W numbers a row a list of W floats."""

Done = Callable[[Values | None, Exception | None], None]


def _never() -> bool:
    return False


class Work:
    """Rows that wait for their predictions.

    Args:
        data: float64 in native byte order, ``count`` times F values.
        count: the number of rows, at least 1.
        arrived: when the request was read, on the loop's clock, in seconds.
        deadline: until when its first row has to be run, on the same clock.
        done: called exactly once, with the predictions or with the reason why there are none.
        strict: whether the deadline holds for the last row as well: it came from the caller, not from the SLO.
        gone: tells whether the client has left. If it or ``done`` raises, the batcher logs and counts the exception; the
            other requests of the batch are not touched.
    """

    __slots__ = ("arrived", "count", "data", "deadline", "done", "gone", "large", "strict", "taken", "values")

    def __init__(
        self,
        data: bytes,
        count: int,
        arrived: float,
        deadline: float,
        done: Done,
        strict: bool = False,
        gone: Callable[[], bool] = _never,
    ) -> None:
        self.data = data
        self.count = count
        self.arrived = arrived
        self.deadline = deadline
        self.done = done
        self.strict = strict
        self.gone = gone
        self.large = False
        """Whether the batcher slices it; see ``runners.row_queue``."""
        self.taken = 0
        """How many of its rows have been handed to a batch."""
        self.values: Values = []
        """The predictions so far, in the order of the rows."""
