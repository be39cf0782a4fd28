"""One batch: the rows of several requests in one call of the model, and again by halves if the call fails.

The halves are divided until one row of one request is left. So a row on which the model fails affects its own request only,
and the error names the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from runners.errors import InferenceError, RunnerError
from runners.stats import Stats
from runners.work import Values, Work

Outcome = list[Values | Exception]
"""For each segment of a batch its predictions, or the error."""


class Model(Protocol):
    """The model that the batcher runs: ``runners.session.OnnxSession``, or a simulated one."""

    row_bytes: int
    """The number of bytes of one row."""

    def run_bytes(self, data: bytes, count: int) -> Values:
        """Return one prediction a row.

        Raises:
            RunnerError: inference failed.
        """
        ...


@dataclass(slots=True)
class Segment:
    """Rows of one request within a batch."""

    work: Work
    start: int
    """The index of its first row in the request."""
    count: int
    """The number of its rows."""


def fail_all(segments: list[Segment], message: str) -> Outcome:
    """Return an error for each segment of a batch."""
    return [RunnerError(message) for _ in segments]


class BatchRun:
    """Runs batches, on the loop or in a thread.

    Args:
        model: predicts rows.
        stats: counts the batches that failed.
    """

    def __init__(self, model: Model, stats: Stats) -> None:
        self._model = model
        self._stats = stats

    def run(self, segments: list[Segment], rows: int) -> Outcome:
        """Return each segment's predictions, or its error.

        Args:
            segments: at least one.
            rows: the total number of their rows.
        """
        width = self._model.row_bytes
        if len(segments) == 1 and segments[0].count == segments[0].work.count:
            data = segments[0].work.data
        else:
            data = b"".join(
                part.work.data
                if part.count == part.work.count
                else part.work.data[part.start * width : (part.start + part.count) * width]
                for part in segments
            )
        try:
            values = self._call(data, rows)
        except Exception as error:
            if len(segments) == 1:
                try:
                    return [self._call_halves(data, rows, segments[0].start, error)]
                except InferenceError as failure:
                    return [failure]
            self._stats.retried += 1
            half = len(segments) // 2
            first, second = segments[:half], segments[half:]
            return [
                *self.run(first, sum(part.count for part in first)),
                *self.run(second, sum(part.count for part in second)),
            ]
        outcome: Outcome = []
        start = 0
        for part in segments:
            outcome.append(values[start : start + part.count])
            start += part.count
        return outcome

    def _call(self, data: bytes, rows: int) -> Values:
        values = self._model.run_bytes(data, rows)
        if len(values) != rows:
            raise RunnerError(f"{rows} rows went into the model, but it returned {len(values)} predictions")
        return values

    def _call_halves(self, data: bytes, rows: int, start: int, error: Exception) -> Values:
        """Run rows of one request that failed together again by halves; if the failure was temporary, they are answered.

        Args:
            data: the rows.
            rows: the number of rows.
            start: the index of the first of them in the request.
            error: the error of the failed call.

        Raises:
            InferenceError: names the first row that fails by itself.
        """
        if rows == 1:
            raise InferenceError(f"the model failed: {error}", start) from error
        self._stats.retried += 1
        half = rows // 2
        cut = half * self._model.row_bytes
        values: Values = []
        for part, count, first in ((data[:cut], half, start), (data[cut:], rows - half, start + half)):
            try:
                values += self._call(part, count)
            except Exception as narrower:
                values += self._call_halves(part, count, first, narrower)
        return values
