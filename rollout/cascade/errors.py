"""The errors of fetching a bundle. Messages name the bundle, the source and the remedy."""

from __future__ import annotations

from typing import Literal

from tabento.bundle.errors import BundleError, BundleIntegrityError, BundleNotFoundError

Result = Literal["delivered", "missing", "unavailable", "refused"]
"""The result of one source: it delivered the bundle; it answered and does not have the bundle; it failed, did not answer in
time or is not asked for now; or what it delivered is not the bundle."""


class BundleUnavailableError(BundleError):
    """No source delivered the bundle. The message has the reason of each source."""


class BundleMissingError(BundleUnavailableError, BundleNotFoundError):
    """All sources answered, and none has the bundle."""


class ForeignBundleError(BundleIntegrityError):
    """The stored bundle has another manifest than the registry, or the caller, expects."""


class IncompleteBundleError(BundleIntegrityError):
    """The stored bundle has no manifest or no description yet: it is being written, or its writer has ended."""


class StoreWriteError(BundleError):
    """The model store on this computer cannot take the bundle: the disk is full, or the folder cannot be written."""


class SourceError(Exception):
    """A source did not deliver the bundle; the next source is asked. The message is a clause without secrets."""

    result: Result = "unavailable"
    is_temporary = False
    """Whether another attempt may succeed."""


class MissingBundleError(SourceError):
    """The source answered, and does not have the bundle."""

    result = "missing"


class RefusedBundleError(SourceError):
    """The delivered files are not the bundle, or must not be stored."""

    result = "refused"


class TemporarySourceError(SourceError):
    """The source failed in a way that another attempt may not."""

    is_temporary = True
