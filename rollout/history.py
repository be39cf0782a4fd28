"""The history of the rollout document as JSON lines: for each change of a model when, who, why, and both entries.

The history is bounded: if the file has grown above ``MAX_BYTES``, only its newest half stays. A history that cannot be written
never prevents a change: a challenger that fails must lose its traffic also on a full disk.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rollout.document import DocumentError, ModelRollout, RolloutDocument, read_document, utc_now
from rollout.errors import DocumentWriteError
from rollout.files import FileReadError, hold_lock, read_file, replace_file

logger = logging.getLogger("tabento.rollout")

HISTORY_FILE = "history.jsonl"
MAX_BYTES = 4 << 20
"""The largest history: some 4,000 changes."""
TAIL_BYTES = 1 << 17
"""The end of the file that has the newest change."""
BACK = "back"
"""The kind of a change to the former champion."""
BY_FILE = "file"
"""The kind of a change that somebody made in the file itself."""
_UNSIGNED = {"user": "", "reason": ""}


class Change(BaseModel):
    """One change of one model."""

    # The stored lines have the keys `when`, `what`, `who` and `why`.
    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    time: str = Field(alias="when")
    """The time in UTC."""
    revision: int
    """The revision of the document after the change."""
    model: str
    kind: str = Field(alias="what")
    """The kind of change: ``start``, ``step``, ``promote``, ``abort``, ``champion``, ``roll_back``, ``put``, ``file``, …"""
    user: str = Field("", alias="who")
    reason: str = Field("", alias="why")
    before: ModelRollout | None = None
    """The entry before the change; None if the document did not list the model."""
    after: ModelRollout | None = None
    """The entry after the change; None if the document does not list the model any more."""
    document: str
    """The digest of the document's file after the change, by which a change of the file itself is noticed."""


def digest_of(data: bytes) -> str:
    """Return a short digest of a document's file."""
    return hashlib.sha256(data).hexdigest()[:16]


def changes_between(
    before: RolloutDocument, after: RolloutDocument, kind: str, digest: str, user: str = "", reason: str = ""
) -> list[Change]:
    """Return the change of each model that has another entry.

    Args:
        before: the former document.
        after: the new document.
        kind: the kind of change.
        digest: the digest of the document's file after the change.
        user: the person responsible; by default that of each new entry.
        reason: the reason; by default that of each new entry.
    """
    time = utc_now()
    changes = []
    for name in sorted({*before.models, *after.models}):
        old, new = before.models.get(name), after.models.get(name)
        if old != new:
            changes.append(
                Change(
                    time=time,
                    revision=after.revision,
                    model=name,
                    kind=kind,
                    user=user or (new.who if new is not None else ""),
                    reason=reason or (new.why if new is not None else ""),
                    before=old,
                    after=new,
                    document=digest,
                )
            )
    return changes


class History:
    """The file of the changes.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault: str | None = None
        """The reason why the last change is not in the history; None if it is."""

    def read(self, model: str | None = None, limit: int | None = None) -> list[Change]:
        """Return the changes, the newest first. A line that is damaged is left out.

        Args:
            model: only changes of this model.
            limit: the largest number of changes.

        Raises:
            FileReadError: the file cannot be read.
        """
        content = read_file(self.path)
        changes: list[Change] = []
        for line in reversed([] if content is None else content[0].splitlines()):
            if limit is not None and len(changes) >= limit:
                break
            change = _read_line(line)
            if change is not None and model in (None, change.model):
                changes.append(change)
        return changes

    def previous_champion(self, model: str) -> str | None:
        """Return the champion of a model before the present one; None if the history knows none.

        A change back to a former champion removes the later ones from the list, so that a second one goes back further.

        Raises:
            FileReadError: the file cannot be read.
        """
        tags: list[str] = []
        for change in reversed(self.read(model)):
            if not tags and change.before is not None:
                tags.append(change.before.champion)
            if change.after is None or (tags and tags[-1] == change.after.champion):
                continue
            tag = change.after.champion
            if change.kind == BACK and tag in tags:
                del tags[tags.index(tag) + 1 :]
            else:
                tags.append(tag)
        return tags[-2] if len(tags) > 1 else None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the history's lock while the document is changed, so that nobody takes the change for one of the file.

        Without the lock the change goes on.
        """
        try:
            lock = hold_lock(self.path)
            lock.__enter__()
        except DocumentWriteError as error:
            self._report(str(error))
            yield
            return
        try:
            yield
        finally:
            lock.__exit__(None, None, None)

    def append(self, changes: list[Change]) -> None:
        """Add changes; the caller is within ``writing``. A failure is logged and kept as ``fault``."""
        if not changes:
            return
        data = b"".join(change.model_dump_json().encode() + b"\n" for change in changes)
        try:
            self._append_bytes(data)
        except (OSError, DocumentWriteError, FileReadError) as error:
            self._report(str(error))
            return
        self.fault = None

    def note_file(self, path: Path) -> None:
        """Add the changes that somebody made in the document's file itself since the last change. Failures are logged.

        All workers call this function when they see a new document; the lock lets one of them write.

        Args:
            path: the document.
        """
        if not path.exists() and not self.path.exists():
            return  # a service without a rollout makes no files
        with self.writing():
            try:
                content = read_file(path)
                data = b"" if content is None else content[0]
                last = self._last_change()
                if last is not None and last.document == digest_of(data):
                    return
                document = RolloutDocument() if content is None else read_document(data, str(path))
                former = _last_document(self.read())
            except (FileReadError, DocumentError):
                return  # the watcher names the fault
            changes = changes_between(former, document, BY_FILE, digest_of(data))
            self.append([change if _is_signed(change) else change.model_copy(update=_UNSIGNED) for change in changes])

    def _last_change(self) -> Change | None:
        """Return the newest change; None if there is none or its line is damaged."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - TAIL_BYTES, 0))
                lines = file.read().splitlines()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileReadError(f"{self.path} cannot be read: {error.strerror}.") from error
        return _read_line(lines[-1]) if lines else None

    def _append_bytes(self, data: bytes) -> None:
        size = self.path.stat().st_size if self.path.exists() else 0
        if size + len(data) > MAX_BYTES:
            content = read_file(self.path)
            lines = b"" if content is None else content[0][-MAX_BYTES // 2 :].partition(b"\n")[2]
            replace_file(self.path, lines + data)
            return
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o644)
        try:
            if size and os.pread(descriptor, 1, size - 1) != b"\n":  # a process ended while it wrote
                data = b"\n" + data
            n_bytes = os.write(descriptor, data)
            if n_bytes < len(data):  # a full disk; the rest of a torn line would damage the next one
                os.ftruncate(descriptor, size)
                raise OSError(28, "No space left on device")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _report(self, fault: str) -> None:
        if fault != self.fault:
            logger.error("the rollout's history is not written: %s", fault)
        self.fault = fault


def _last_document(changes: list[Change]) -> RolloutDocument:
    """Return the document of the last change, as far as the history knows its models."""
    models: dict[str, Any] = {}
    for change in reversed(changes):
        if change.after is None:
            models.pop(change.model, None)
        else:
            models[change.model] = change.after
    return RolloutDocument(models=models)


def _is_signed(change: Change) -> bool:
    """Return whether the entry's new person and reason belong to this change, and were not left from the former one."""
    return change.after is not None and (change.before is None or change.after.since != change.before.since)


def _read_line(line: bytes) -> Change | None:
    try:
        return Change.model_validate_json(line)
    except ValidationError:
        return None
