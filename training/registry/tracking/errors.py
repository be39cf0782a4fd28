"""The error of tracking. Recording continues without MLflow after it; registering stops."""

from __future__ import annotations

from tabento.errors import TabentoError


class TrackingError(TabentoError):
    """The MLflow server or database cannot be reached or refuses the request."""
