"""The rows of one request in the queue, and the request that waits for their predictions."""

from __future__ import annotations

from typing import Any, Protocol

Values = list[Any]
"""One prediction a row: a float, or a list of W floats if the graph answers W numbers a row."""


class Requester(Protocol):
    """The request that waits for predictions.

    If a method raises, the batcher logs and counts the exception. The other requests of the batch are not affected.
    """

    def finish(self, values: Values | None, error: Exception | None) -> None:
        """Receive the predictions, or the reason why there are none. Called exactly once."""
        ...

    def is_abandoned(self) -> bool:
        """Return whether no client waits for the answer any more, so that the rows need not be run."""
        ...


class Work:
    """Rows that wait for their predictions.

    Args:
        data: float64 in native byte order, ``count`` times F values.
        count: the number of rows, at least 1.
        arrived: the time at which the request was read, on the loop's clock, in seconds.
        deadline: the time by which the first row must be run, on the same clock.
        requester: receives the predictions.
        strict: whether the deadline holds for the last row as well: it was set by the caller, not by the SLO.
    """

    __slots__ = ("arrived", "count", "data", "deadline", "large", "n_taken", "requester", "strict", "values")

    def __init__(
        self,
        data: bytes,
        count: int,
        arrived: float,
        deadline: float,
        requester: Requester,
        strict: bool = False,
    ) -> None:
        self.data = data
        self.count = count
        self.arrived = arrived
        self.deadline = deadline
        self.requester = requester
        self.strict = strict
        self.large = False
        """Whether the batcher slices it; see ``runners.row_queue``."""
        self.n_taken = 0
        """The number of its rows that have been handed to a batch."""
        self.values: Values = []
        """The predictions so far, in the order of the rows."""
