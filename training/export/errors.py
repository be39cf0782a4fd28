"""What cannot be exported exactly, said at once."""

from __future__ import annotations

from training.errors import TrainingError


class ExportError(TrainingError):
    """A step of the pipeline has no exact conversion.

    Attributes:
        step: the step's name in the pipeline, or its class where it has none.
        reason: why it cannot be converted.
        nearest: the nearest thing that can.
    """

    def __init__(self, step: str, reason: str, nearest: str) -> None:
        super().__init__(f"step {step!r} cannot be exported exactly: {reason}. Nearest that can: {nearest}")
        self.step = step
        self.reason = reason
        self.nearest = nearest
