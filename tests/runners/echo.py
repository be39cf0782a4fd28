"""A model whose prediction tells which row it is of, and the requests that go to it."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from runners.work import Values, Work

PLACES = 1000
"""A request has fewer rows than this: a row's only value is ``request * PLACES + row``."""


def rows_of(request: int, count: int) -> bytes:
    """Return the rows of a request."""
    return array("d", [request * PLACES + row for row in range(count)]).tobytes()


def answers_to(request: int, count: int) -> list[float]:
    """Return the predictions that these rows have to get."""
    return [-(request * PLACES + row) - 0.25 for row in range(count)]


class EchoModel:
    """Answers each row with its own negative less a quarter.

    Args:
        spend: called with the seconds that each run costs.
        batch_s: the seconds of a run besides its rows.
        row_s: the seconds of a row.
    """

    row_bytes = 8

    def __init__(
        self, spend: Callable[[float], object] = lambda seconds: None, batch_s: float = 0.0, row_s: float = 0.0
    ) -> None:
        self._spend = spend
        self.batch_s = batch_s
        self._row_s = row_s
        self.runs: list[list[float]] = []
        """The rows of each run."""
        self.raises: set[float] = set()
        """Rows that make a run raise."""
        self.drops: set[float] = set()
        """Rows that make a run answer nothing at all."""
        self.adds: set[float] = set()
        """Rows that make a run answer one prediction too many."""
        self.on_run: Callable[[list[float]], object] = lambda rows: None

    def run_bytes(self, data: bytes, count: int) -> list[float]:
        """See ``runners.batch.Model``."""
        rows = array("d", data).tolist()
        assert len(rows) == count, f"{len(rows)} rows were handed over as {count}"
        self.on_run(rows)
        self.runs.append(rows)
        self._spend(self.batch_s + count * self._row_s)
        if not self.raises.isdisjoint(rows):
            raise ValueError("this row breaks the model")
        if not self.drops.isdisjoint(rows):
            return []
        values = [-row - 0.25 for row in rows]
        return [*values, 0.0] if not self.adds.isdisjoint(rows) else values


class WideModel(EchoModel):
    """Answers each row with its own number and twice of it."""

    def run_bytes(self, data: bytes, count: int) -> Values:
        """See ``runners.batch.Model``."""
        return [[row, 2 * row] for row in array("d", data)] if super().run_bytes(data, count) else []


def wide_answers_to(request: int, count: int) -> Values:
    """Return what ``WideModel`` has to answer to the rows of a request."""
    return [[row, 2 * row] for row in array("d", rows_of(request, count))]


class Ticket:
    """A request's answers, of which there has to be one.

    Args:
        request: its number, which is in its rows.
        count: how many rows it has.
    """

    def __init__(self, request: int, count: int) -> None:
        self.request = request
        self.count = count
        self.answers: list[tuple[list[float] | None, Exception | None]] = []

    def work(
        self,
        arrived: float = 0.0,
        deadline: float = float("inf"),
        strict: bool = False,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> Work:
        """Return the work that is answered here; ``is_gone`` returns whether its client has left."""
        self._is_gone = is_gone
        return Work(rows_of(self.request, self.count), self.count, arrived, deadline, self, strict)

    def finish(self, values: list[float] | None, error: Exception | None) -> None:
        """See ``runners.work.Requester``."""
        self.answers.append((values, error))

    def is_abandoned(self) -> bool:
        """See ``runners.work.Requester``."""
        return self._is_gone()

    @property
    def values(self) -> list[float] | None:
        """Its predictions."""
        ((values, error),) = self.answers
        assert error is None, error
        return values

    @property
    def error(self) -> Exception | None:
        """Why it has none."""
        ((values, error),) = self.answers
        assert values is None, values
        return error

    @property
    def right(self) -> bool:
        """Whether it was answered once, with the predictions of its own rows."""
        return self.answers == [(answers_to(self.request, self.count), None)]
