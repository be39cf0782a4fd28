"""Why rows that reached the runner got no prediction."""

from __future__ import annotations


class RunnerError(Exception):
    """The model cannot be loaded, or failed on rows."""


class InferenceError(RunnerError):
    """The model failed on one row of a request; the other requests of its batch are not touched."""

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row
        """The index of the first row of the request on which the model fails."""


class QueueFullError(RunnerError):
    """The queue already holds as many rows as it may."""


class ExpiredError(RunnerError):
    """The request's deadline passed before its rows were run."""


class GoneError(RunnerError):
    """The client left before its rows were run."""


class DrainingError(RunnerError):
    """The runner is stopping and takes no more rows."""
