"""Errors of requests to the registry. If MLflow itself cannot be used, the error is a ``TrackingError``."""

from __future__ import annotations

from tabento.errors import TabentoError


class RegistryError(TabentoError):
    """The registry does not have the requested entry or refuses the change; the message lists the existing entries."""
