"""Rollout documents and stores for tests."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rollout.document import Challenger, ModelRollout, RolloutDocument
from rollout.settings import RolloutSettings
from rollout.store import DocumentStore, open_store

TIME = "2026-11-28T09:00:00Z"


def orchard_entry(challenger: str | None = None, champion: str = "orchard:1", **properties: Any) -> ModelRollout:
    """Return an entry of the model ``orchard``.

    Args:
        challenger: the version of the challenger; None for none.
        champion: the tag of the champion.
        properties: of the challenger.
    """
    return ModelRollout(
        champion=champion,
        challenger=None if challenger is None else Challenger(tag=f"orchard:{challenger}", **properties),
        since=TIME,
        who="anna",
        why="first version",
    )


def orchard_document(challenger: str | None = None, **properties: Any) -> RolloutDocument:
    """Return a document with the model ``orchard``; see ``orchard_entry``."""
    return RolloutDocument(revision=3, models={"orchard": orchard_entry(challenger, **properties)})


def store_in(folder: Path, document: RolloutDocument | None = None) -> DocumentStore:
    """Return a store in a folder, with a document if there is one."""
    store = open_store(RolloutSettings(), folder)
    if document is not None:
        write(store, document.model_dump_json())
    return store


def make_read_only(store: DocumentStore) -> None:
    """Let no change of the document's file be possible: its lock cannot be opened. Modes do not stop root."""
    lock = store.path.with_name(store.path.name + ".lock")
    lock.unlink(missing_ok=True)
    lock.mkdir(parents=True)


@contextmanager
def full_disk(limit_bytes: int = 64) -> Iterator[None]:
    """Let every write of more than some bytes fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, former)


def write(store: DocumentStore, text: str) -> None:
    """Write the document's file as an editor does: in place."""
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.path.write_text(text, encoding="utf-8")


def with_champion(tag: str) -> Any:
    """Return an edit that sets the champion of the model ``orchard``."""

    def edit(document: RolloutDocument) -> RolloutDocument:
        return document.model_copy(update={"models": {**document.models, "orchard": orchard_entry(champion=tag)}})

    return edit
