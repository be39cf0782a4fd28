"""Why a sweep can end without a result."""

from __future__ import annotations

from training.errors import TrainingError


class SweepError(TrainingError):
    """The parameters cannot be swept as the config asks, or the stored trials cannot be read."""
