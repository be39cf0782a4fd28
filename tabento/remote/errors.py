"""The error of an outside dependency that cannot be used now."""

from __future__ import annotations

from tabento.errors import TabentoError


class RemoteUnavailableError(TabentoError):
    """An outside dependency failed or did not answer in time, or its circuit breaker is open and no call was made."""
