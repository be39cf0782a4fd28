"""What can be wrong with a request to the registry; that MLflow cannot be used is a ``TrackingError``."""

from __future__ import annotations

from training.errors import TrainingError


class RegistryError(TrainingError):
    """The registry does not have what was asked for, or may not do it; the message says what there is."""
