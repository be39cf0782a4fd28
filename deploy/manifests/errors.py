"""The error of a missing tool or of a manifest that cannot be rendered. Messages end with a remedy."""

from __future__ import annotations


class ManifestError(Exception):
    """A tool is missing, or a manifest cannot be rendered or read."""
