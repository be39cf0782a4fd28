"""The errors of changes of the rollout document. Messages end with a remedy."""

from __future__ import annotations


class RolloutError(Exception):
    """A change of the rollout document was not made; the document is as before."""


class RefusedChangeError(RolloutError):
    """The change makes no sense for the present document, such as a step without a challenger."""


class UnknownModelError(RefusedChangeError):
    """The service has no such model."""


class StaleDocumentError(RolloutError):
    """The document was changed since the caller read it.

    Args:
        message: names both revisions.
        revision: the present revision.
    """

    def __init__(self, message: str, revision: int) -> None:
        super().__init__(message)
        self.revision = revision


class DocumentWriteError(RolloutError):
    """A file of the rollout cannot be written: a read-only mount, a full disk, missing permission."""
