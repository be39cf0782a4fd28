"""Errors that only a training run raises; the library's own are in ``tabento.errors``."""

from __future__ import annotations

from typing import Any

from tabento.errors import TabentoError


class ConfigError(TabentoError):
    """A config file is missing, is not valid YAML, has an unknown key or a value that is not allowed."""

    usable: Any = None
    """A ``ModelConfig`` of the sections that could be read, or None: it describes the data although the config is wrong."""


class GateError(TabentoError):
    """The model misses a limit of its config's gate and is not stored."""
