"""The error of keys and their file. Messages end with a remedy and never contain a secret."""

from __future__ import annotations


class KeysError(Exception):
    """A key file cannot be read or changed, or a key is not what the caller expects."""
