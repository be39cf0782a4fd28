"""Why a comparison of estimators can end without a choice."""

from __future__ import annotations

from training.errors import TrainingError


class SelectionError(TrainingError):
    """The candidates cannot be compared, or none of them may be chosen."""
