"""The place of the rollout document: read, and changed under a lock with a check of the revision.

Commands, admin routes and the judge change the document here, in this or in another process; each change has a line in the history.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from rollout.document import RolloutDocument, read_document
from rollout.errors import DocumentWriteError, StaleDocumentError
from rollout.files import hold_lock, read_file, replace_file
from rollout.history import HISTORY_FILE, History, changes_between, digest_of
from rollout.overrides import OVERRIDES_FILE, Overrides
from rollout.settings import RolloutSettings

logger = logging.getLogger("tabento.rollout")

DOCUMENT_FILE = "rollout.json"

Edit = Callable[[RolloutDocument], RolloutDocument]
"""Returns the new document. An exception leaves the document as it is."""


class DocumentStore:
    """The rollout document with its history and overrides.

    Args:
        path: the document; a symbolic link is followed, so that its target changes.
        history: receives each change.
        overrides: keeps automatic changes if the document cannot be written.
    """

    def __init__(self, path: Path, history: History, overrides: Overrides) -> None:
        self.path = path
        self.history = history
        self.overrides = overrides

    def read(self) -> RolloutDocument:
        """Return the document; a missing file is a document without models.

        Raises:
            DocumentError: the file is not a rollout document.
            FileReadError: the file cannot be read.
        """
        content = read_file(self.path)
        return RolloutDocument() if content is None else read_document(content[0], str(self.path))

    def change(
        self, expected_revision: int | None, edit: Edit, kind: str, *, user: str = "", reason: str = ""
    ) -> RolloutDocument:
        """Change the document while nobody else changes it, and add the change to the history.

        Args:
            expected_revision: the revision that the caller has read; None: any.
            edit: returns the new document; its revision is set here. If it returns an equal document, nothing is written.
            kind: the kind of the change, for the history.
            user: the person responsible; by default ``who`` of the changed entries.
            reason: the reason; by default ``why`` of the changed entries.

        Returns:
            The document that was written.

        Raises:
            StaleDocumentError: the document has another revision.
            DocumentWriteError: the file cannot be written; it is as before.
            DocumentError: the present file, or the result of ``edit``, is not a rollout document.
            FileReadError: the present file cannot be read.
        """
        target = self.path.resolve()
        with hold_lock(target), self.history.writing():
            document = self.read()
            if expected_revision not in (None, document.revision):
                raise StaleDocumentError(
                    f"The rollout document has the revision {document.revision}, but the change starts from"
                    f" {expected_revision}: somebody else changed it meanwhile. Read it again, and repeat the change if it"
                    " still makes sense.",
                    document.revision,
                )
            edited = edit(document)
            if edited.models == document.models:
                return document
            changed = edited.model_copy(update={"revision": document.revision + 1})
            data = changed.model_dump_json(indent=2).encode() + b"\n"
            changed = read_document(data, "the changed document")  # an edit may have copied parts without validation
            replace_file(target, data)
            self.history.append(changes_between(document, changed, kind, digest_of(data), user, reason))
        return changed

    def change_or_override(self, edit: Edit, kind: str) -> RolloutDocument:
        """Change the document, or if it cannot be written, this replica's view of it. For automatic changes.

        Args:
            edit: as for ``change``; it gets the document with the present overrides.
            kind: the kind of the change, for the history.

        Returns:
            The effective document.

        Raises:
            DocumentError: the present file, or the result of ``edit``, is not a rollout document.
            FileReadError: the present file cannot be read.
        """
        try:
            return self.change(None, lambda document: edit(self.overrides.apply(document)), kind)
        except DocumentWriteError as error:
            logger.warning("the change is an override of this replica: %s", error)
        content = read_file(self.path)
        data = b"" if content is None else content[0]
        document = RolloutDocument() if content is None else read_document(data, str(self.path))
        effective = self.overrides.apply(document)
        edited = edit(effective)
        for name, entry in edited.models.items():
            if entry != effective.models.get(name) and name in document.models:
                self.overrides.put(name, document.models[name], entry)
        with self.history.writing():
            self.history.append(changes_between(effective, edited, kind, digest_of(data)))
        return edited


def open_store(settings: RolloutSettings, root: Path = Path()) -> DocumentStore:
    """Return the store of the settings.

    Args:
        settings: the settings.
        root: the folder at which relative paths start.
    """
    folder = root / settings.rollout_folder
    path = folder / DOCUMENT_FILE if settings.rollout_file is None else root / settings.rollout_file
    return DocumentStore(path, History(folder / HISTORY_FILE), Overrides(folder / OVERRIDES_FILE))
