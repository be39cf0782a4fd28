"""Every way in which a run can end without a bundle.

Faults of config, data, fit, export and proof are kinds of ``TrainingError`` in modules of their own, so that a command
can tell all of them without importing what raises them.
"""

from __future__ import annotations

from typing import Any


class TrainingError(Exception):
    """A run cannot go on; the message says why and what to do next."""


class ConfigError(TrainingError):
    """A config file is missing, is not valid YAML, has an unknown key or an impossible value."""

    usable: Any = None
    """What can be said of the data all the same: a ``ModelConfig`` of the sections that describe it, or None."""


class GateError(TrainingError):
    """The model misses a limit of its config's gate; it is not stored."""


class SaveError(TrainingError):
    """A checked model could not be stored, or what was stored does not answer as the pipeline does; nothing remains."""
