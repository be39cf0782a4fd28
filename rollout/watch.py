"""The watched file: each look compares the file's signature, and reads the document if it has changed.

The signature is that of the file behind the path. So a look notices a file that was edited in place, a file that was renamed over
the former one, and Kubernetes' exchange of the link ``..data`` of a mounted ConfigMap. A broken document never reaches traffic: the
last good one stays, and ``fault`` names the reason.
"""

from __future__ import annotations

import logging
import time

from rollout.document import DocumentError, RolloutDocument, read_document
from rollout.files import FileReadError, Signature, read_file, signature, signature_of
from rollout.store import DocumentStore

logger = logging.getLogger("tabento.rollout")

YOUNG_NS = 100_000_000
"""The age below which another write may leave size and times of a file as they are; such a file is read again."""


class FileSource:
    """The document of a store, as the worker sees it.

    Args:
        store: the document with its overrides and history.
    """

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self.fault: str | None = None
        """The reason why the present file is not used; None if it is used."""
        self._signatures: tuple[Signature | None, Signature | None, int] | None = None
        """The state of the files at the last look; None: they are read again at the next look."""
        self._was_missing = True
        self._data: bytes | None = None
        """The bytes that were read last."""
        self._document: RolloutDocument | None = None
        """The last good document of the file, without overrides."""
        self.effective: RolloutDocument | None = None
        """The document with its overrides that the last look found; None before the first good document."""

    def poll(self) -> RolloutDocument | None:
        """Look at the file, and return the document with its overrides if it is another one than at the last look.

        The first look returns the document in any case, unless it is broken; a missing file is a document without models. May
        wait for the disk: call it outside of the event loop.
        """
        store = self._store
        signatures = signature(store.path), signature(store.overrides.path), store.overrides.count
        if signatures == self._signatures:
            return None
        self._signatures = signatures
        document = self._read()
        if document is None:
            return None
        effective = store.overrides.apply(document)
        if document is not self._document:
            self._document = document
            store.history.note_file(store.path)
            store.overrides.clean(document)
        if effective == self.effective:
            return None
        self.effective = effective
        return effective

    def _read(self) -> RolloutDocument | None:
        """Return the document of the file, the same object if it has not changed; None if there is no good document."""
        path = self._store.path
        try:
            content = read_file(path)
            if content is None:
                return self._missing()
            data, state = content
            is_young = time.time_ns() - state.st_mtime_ns < YOUNG_NS
            if is_young or signature_of(state) != (self._signatures or (None,))[0]:
                self._signatures = None  # look again
            if data == self._data and self.fault is None:
                return self._document
            document = read_document(data, str(path))
        except FileReadError as error:
            self._signatures = None
            self._report(str(error))
            return self._document
        except DocumentError as error:
            # A file that is being written is not a fault yet.
            if self._signatures is not None or self._document is None:
                self._report(str(error))
            return self._document
        if self.fault is not None:
            logger.info("the rollout document %s is used again", path)
        self._was_missing = False
        self._data, self.fault = data, None
        return document

    def _missing(self) -> RolloutDocument | None:
        if self._document is None:
            return RolloutDocument()
        if not self._was_missing:
            self._report(f"{self._store.path} was removed. Restore it; after a restart the settings alone decide.")
        return self._document

    def _report(self, fault: str) -> None:
        if fault != self.fault:
            logger.error("the rollout document is not used, the last good one stays: %s", fault)
        self.fault = fault
