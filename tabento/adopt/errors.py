"""The error of an import. Errors in the sample's cells, in the export and in the proof have their own classes."""

from __future__ import annotations

from tabento.errors import TabentoError


class AdoptionError(TabentoError):
    """A file, a sample or a config cannot be used; the message gives the reason and the remedy."""
