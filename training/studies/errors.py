"""Errors of the studies that choose an estimator and its parameters."""

from __future__ import annotations

from tabento.errors import TabentoError


class SelectionError(TabentoError):
    """The candidates cannot be compared, or none of them can be selected."""


class SweepError(TabentoError):
    """The sweep cannot run as the config asks, or the stored trials cannot be read."""
