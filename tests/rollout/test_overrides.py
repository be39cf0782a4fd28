"""Overrides that no file can hold: the workers of a replica pass them on to each other."""

from __future__ import annotations

from pathlib import Path

from rollout.document import ModelRollout
from rollout.store import DocumentStore
from rollout.watch import FileSource
from tests.rollout.documents import make_read_only, orchard_document, orchard_entry, store_in

DOCUMENT = orchard_document("2", mode="canary")
ENTRY = DOCUMENT.models["orchard"]


def _worker(folder: Path) -> DocumentStore:
    """Return the store of a worker that can write neither the document nor the overrides."""
    store = store_in(folder, DOCUMENT)
    make_read_only(store)
    store.overrides.path.mkdir(exist_ok=True)
    return store


def _at_step(index: int) -> ModelRollout:
    assert ENTRY.challenger is not None
    return ENTRY.model_copy(update={"challenger": ENTRY.challenger.model_copy(update={"step": index})})


def test_another_worker_uses_an_override_that_cannot_be_written(tmp_path: Path) -> None:
    """The second worker takes the override over at its next look, and passes it on to a third one."""
    first, second = _worker(tmp_path / "a"), _worker(tmp_path / "b")
    source = FileSource(second)
    source.poll()
    assert first.overrides.unwritten() == {}
    first.overrides.put("orchard", ENTRY, orchard_entry())
    second.overrides.adopt(first.overrides.unwritten(), second.read())
    effective = source.poll()
    assert effective is not None
    assert effective.models["orchard"].challenger is None
    assert second.overrides.unwritten() == first.overrides.unwritten()


def test_an_override_of_a_former_entry_is_not_adopted(tmp_path: Path) -> None:
    """If the document has another entry by now, the override of a late worker changes nothing, and is not passed on either."""
    first, second = _worker(tmp_path / "a"), _worker(tmp_path / "b")
    first.overrides.put("orchard", ENTRY, orchard_entry())
    document = orchard_document("3", mode="canary")
    second.overrides.adopt(first.overrides.unwritten(), document)
    assert second.overrides.apply(document) == document
    assert first.overrides.apply(document) == document
    assert first.overrides.unwritten() == second.overrides.unwritten() == {}


def test_two_overrides_become_the_same(tmp_path: Path) -> None:
    """A worker that took the traffic away does not give it back because another one has made a step; the other one follows."""
    first, second = _worker(tmp_path / "a"), _worker(tmp_path / "b")
    first.overrides.put("orchard", ENTRY, orchard_entry())
    second.overrides.put("orchard", ENTRY, _at_step(1))
    shared = first.overrides.unwritten() | second.overrides.unwritten()
    for worker in (first, second):
        worker.overrides.adopt(shared, worker.read())
        assert worker.overrides.apply(worker.read()).models["orchard"].challenger is None


def test_an_override_in_the_file_is_not_passed_on(tmp_path: Path) -> None:
    """All workers read the file, so their numbers need not have it."""
    store = store_in(tmp_path, DOCUMENT)
    store.overrides.put("orchard", ENTRY, orchard_entry())
    assert store.overrides.unwritten() == {}
    assert store.overrides.apply(DOCUMENT).models["orchard"].challenger is None
