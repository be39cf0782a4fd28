"""Entries that this replica uses in place of the document's, because the document cannot be written.

A document from a ConfigMap is read-only. If a challenger passes a limit, the replica still takes its traffic away at once: it
keeps the changed entry as an override. An override is valid as long as the document's entry stays the same; as soon as somebody
changes the entry at its source, the document wins again. If the folder cannot be written either, the override lasts as long as
the process, and the workers pass it on to each other with their numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rollout.document import ModelName, ModelRollout, RolloutDocument, Time, utc_now
from rollout.errors import DocumentWriteError
from rollout.files import FileReadError, hold_lock, read_file, replace_file

logger = logging.getLogger("tabento.rollout")

OVERRIDES_FILE = "overrides.json"

Shared = dict[tuple[str, ...], float]
"""Numbers by labels, here 1 by the model's name and the override as JSON; see ``monitoring.snapshots``."""


class Override(BaseModel):
    """One override of one model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entry: ModelRollout
    """The document's entry for which the override was made."""
    replacement: ModelRollout
    """The entry that is used."""
    since: Time


class _OverridesFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    overrides: Annotated[dict[ModelName, Override], Field(max_length=100_000)] = Field(default_factory=dict)


class Overrides:
    """The overrides of this replica.

    Args:
        path: the file, which all workers of the replica share.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault: str | None = None
        """The reason why the file is not read or written; None if it is."""
        self.count = 0
        """The number of overrides that this process has made."""
        self._own: dict[str, Override] = {}
        """The overrides of this process, which it keeps also if they cannot be written."""
        self._unwritten: set[str] = set()
        """The models whose overrides could not be written."""

    def put(self, name: str, entry: ModelRollout, replacement: ModelRollout) -> None:
        """Use ``replacement`` for a model as long as the document has ``entry``.

        Args:
            name: the model.
            entry: the document's present entry.
            replacement: the entry to use.
        """
        override = Override(entry=entry, replacement=replacement, since=utc_now())
        self._own[name] = override
        self.count += 1
        try:
            with hold_lock(self.path):
                replace_file(self.path, _format(self._read() | {name: override}))
        except DocumentWriteError as error:
            self._unwritten.add(name)
            self._report(f"{error} The override of {name} lasts until this process ends.")
            return
        self._unwritten.discard(name)
        self.fault = None

    def unwritten(self) -> Shared:
        """Return the overrides that only this process knows, for the other workers of the replica."""
        own = [(name, self._own.get(name)) for name in list(self._unwritten)]
        return {(name, override.model_dump_json()): 1 for name, override in own if override is not None}

    def adopt(self, shared: Iterable[tuple[str, ...]], document: RolloutDocument) -> None:
        """Use the overrides of other workers that are valid for a document.

        If two workers have made different ones, both use the same in the end: a removed challenger before any other change, then the
        later change.

        Args:
            shared: the keys of ``unwritten`` of all workers.
            document: the document, without overrides.
        """
        for name, text in shared:
            override = Override.model_validate_json(text)
            own = self._own.get(name)
            if override.entry == document.models.get(name) and (own is None or _rank(own) < _rank(override)):
                self._own[name] = override
                self._unwritten.add(name)
                self.count += 1

    def apply(self, document: RolloutDocument) -> RolloutDocument:
        """Return a document with the valid overrides in place of its entries."""
        overrides = self._read() | self._own
        models = dict(document.models)
        for name, override in overrides.items():
            if models.get(name) == override.entry:
                models[name] = override.replacement
            else:
                self._own.pop(name, None)
                self._unwritten.discard(name)
        return document if models == document.models else document.model_copy(update={"models": models})

    def active(self, document: RolloutDocument) -> dict[str, Override]:
        """Return the overrides that are valid for a document, by model."""
        overrides = self._read() | self._own
        return {name: item for name, item in overrides.items() if document.models.get(name) == item.entry}

    def clean(self, document: RolloutDocument) -> None:
        """Remove the overrides that are not valid any more from the file. Failures are logged."""
        if len(self._read()) == len(self.active(document)):
            return
        try:
            with hold_lock(self.path):
                stored = self._read()
                valid = {name: item for name, item in stored.items() if document.models.get(name) == item.entry}
                if len(valid) < len(stored):
                    replace_file(self.path, _format(valid))
        except DocumentWriteError as error:
            self._report(str(error))

    def _read(self) -> dict[str, Override]:
        try:
            content = read_file(self.path)
            return {} if content is None else dict(_OverridesFile.model_validate_json(content[0]).overrides)
        except FileReadError as error:
            self._report(str(error))
        except ValidationError as error:
            self._report(f"{self.path} does not have overrides ({error.error_count()} faults). Remove it.")
        return {}

    def _report(self, fault: str) -> None:
        if fault != self.fault:
            logger.error("overrides of the rollout: %s", fault)
        self.fault = fault


def _rank(override: Override) -> tuple[bool, str, str]:
    """Return the precedence among overrides of one entry."""
    return override.replacement.challenger is None, override.since, override.model_dump_json()


def _format(overrides: dict[str, Override]) -> bytes:
    return _OverridesFile(overrides=overrides).model_dump_json(indent=2).encode() + b"\n"
