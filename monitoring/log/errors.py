"""The error of the commands that read the prediction log."""

from __future__ import annotations

from tabento.errors import TabentoError


class LogError(TabentoError):
    """The prediction log cannot be read as the user asked. The message gives the reason and the remedy."""
