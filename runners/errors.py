"""The errors for rows that got no prediction from the runner."""

from __future__ import annotations


class RunnerError(Exception):
    """The model cannot be loaded, or failed on rows."""


class InferenceError(RunnerError):
    """The model failed on one row of a request; the other requests of its batch are answered."""

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row
        """The index of the first row of the request on which the model fails."""


class QueueFullError(RunnerError):
    """The queue is full."""


class ExpiredError(RunnerError):
    """The request's deadline passed before its rows were run."""


class GoneError(RunnerError):
    """The client left before its rows were run."""


class DrainingError(RunnerError):
    """The runner is stopping and accepts no more rows."""
