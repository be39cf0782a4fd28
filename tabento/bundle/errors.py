"""The errors of bundles. Messages end with a remedy."""

from __future__ import annotations


class BundleError(Exception):
    """A bundle cannot be written, found, verified or understood."""


class BundleNotFoundError(BundleError):
    """The model store has no bundle with the requested tag."""


class BundleFormatError(BundleError):
    """The bundle was written in a format that this version does not read, or one of its files is malformed."""


class BundleIntegrityError(BundleError):
    """A file of the bundle is missing, was added or differs from the checksum in the manifest."""


class BundleSignatureError(BundleError):
    """A bundle is not signed, or not by a trusted key, or its signature does not belong to its manifest."""


class SigningKeyError(BundleError):
    """A private key or a file of trusted keys cannot be read, written or changed."""


class ContractError(BundleError, ValueError):
    """A contract contradicts itself, or rows do not fit a contract."""
