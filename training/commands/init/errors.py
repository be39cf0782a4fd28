"""The error of ``tabento init``."""

from __future__ import annotations

from tabento.errors import TabentoError


class InitError(TabentoError):
    """No config can be written for a file; the message has the expected and the actual value, and the remedy."""
