"""The error of a replay."""

from __future__ import annotations


class ReplayError(Exception):
    """The log cannot be replayed at all, or not with this bundle; the message has the remedy."""
