"""The one error of ``tabento init``."""

from __future__ import annotations

from training.errors import TrainingError


class InitError(TrainingError):
    """No config can be written for a file; the message says what was expected, what came and what to do."""
