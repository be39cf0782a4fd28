"""The one way in which tracking fails; whoever only records goes on without it, whoever registers stops."""

from __future__ import annotations

from training.errors import TrainingError


class TrackingError(TrainingError):
    """The MLflow server or database cannot be reached, or refuses what it is asked."""
