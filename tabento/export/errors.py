"""The error for a pipeline that cannot be exported exactly."""

from __future__ import annotations

from tabento.errors import TabentoError


class ExportError(TabentoError):
    """A step of the pipeline has no exact conversion.

    Attributes:
        step: the path of the step in the pipeline, ``features/numbers/scale``, or ``pipeline`` for the pipeline itself.
        reason: the reason why the step cannot be converted.
        nearest: the nearest step or pipeline that can be converted.
    """

    def __init__(self, step: str, reason: str, nearest: str) -> None:
        super().__init__(f"step {step!r} cannot be exported exactly: {reason}. Nearest that can: {nearest}")
        self.step = step
        self.reason = reason
        self.nearest = nearest
