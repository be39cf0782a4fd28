"""The watched document: changes of every kind are noticed, and a broken document never replaces a good one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rollout.document import RolloutDocument
from rollout.store import DocumentStore
from rollout.watch import FileSource
from tests.rollout.documents import make_read_only, orchard_document, store_in, with_champion, write
from tests.servers import wait_until

OLD_S = 1_000_000_000
"""A time of modification long ago: the file is not taken for one that is being written."""


def write_old(store: DocumentStore, text: str, age: int = 0) -> None:
    """Write a document that is as old as one that nobody writes any more."""
    write(store, text)
    os.utime(store.path, (OLD_S - age, OLD_S - age))


def test_the_first_look_returns_the_document(tmp_path: Path) -> None:
    """The first look returns the document, and further ones return None until it changes."""
    store = store_in(tmp_path)
    write_old(store, orchard_document().model_dump_json())
    source = FileSource(store)

    assert source.poll() == orchard_document()
    assert source.poll() is None
    assert source.fault is None


def test_a_missing_file_is_an_empty_document(tmp_path: Path) -> None:
    """Without a file the document is empty, no fault is reported, and no file is made; a later file is noticed."""
    store = store_in(tmp_path)
    source = FileSource(store)

    assert source.poll() == RolloutDocument()
    assert source.poll() is None
    assert source.fault is None
    assert list(tmp_path.iterdir()) == []
    store.change(None, with_champion("orchard:2"), "champion")
    changed = source.poll()
    assert changed is not None
    assert changed.models["orchard"].champion == "orchard:2"


def test_a_document_that_is_edited_in_place_is_noticed(tmp_path: Path) -> None:
    """Another content of the same length under the same inode and the same time of modification is read."""
    store = store_in(tmp_path)
    write_old(store, orchard_document().model_dump_json())
    source = FileSource(store)
    source.poll()

    write_old(store, orchard_document().model_dump_json().replace("orchard:1", "orchard:9"))

    changed = source.poll()
    assert changed is not None
    assert changed.models["orchard"].champion == "orchard:9"


def test_two_changes_within_one_tick_of_the_clock_are_both_noticed(tmp_path: Path) -> None:
    """A file is read again while it is young: a second write may leave its size and its times as they are."""
    store = store_in(tmp_path, orchard_document())
    source = FileSource(store)
    source.poll()

    for version in "2345":
        write(store, orchard_document().model_dump_json().replace("orchard:1", f"orchard:{version}"))
        source.poll()  # may see this file, or its former state
    source_document = source.poll()

    assert source_document is None
    assert source.effective is not None
    assert source.effective.models["orchard"].champion == "orchard:5"


def test_the_exchange_of_a_link_is_noticed(tmp_path: Path) -> None:
    """A ConfigMap is changed by the exchange of the link ``..data``; the change is noticed."""
    store = store_in(tmp_path)
    folder = store.path.parent
    for version in ("1", "2"):
        version_folder = folder / f"..{version}"
        version_folder.mkdir(parents=True)
        text = orchard_document().model_dump_json().replace("orchard:1", f"orchard:{version}")
        (version_folder / "rollout.json").write_text(text)
        os.utime(version_folder / "rollout.json", (OLD_S, OLD_S))
    (folder / "..data").symlink_to("..1")
    store.path.symlink_to("..data/rollout.json")
    source = FileSource(store)
    source.poll()

    (folder / "..new").symlink_to("..2")
    (folder / "..new").rename(folder / "..data")

    changed = source.poll()
    assert changed is not None
    assert changed.models["orchard"].champion == "orchard:2"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"format": 1, "models"', "is not a rollout document"),
        ('{"format": 1, "model": {}}', "model: Extra inputs are not permitted"),
        ('{"models": {"orchard": {"champion": "orchard"}}}', "models.orchard.champion"),
        ('{"models": {"orchard": {"champion": "o:1", "challenger": null}}}', "a version of another model"),
        ("\xff", "is not a rollout document"),
    ],
)
def test_a_broken_document_is_named_and_the_last_good_one_stays(tmp_path: Path, content: str, fault: str) -> None:
    """A broken document is a fault with its reason; a repaired one ends the fault, also if it equals the former one."""
    store = store_in(tmp_path)
    write_old(store, orchard_document().model_dump_json())
    source = FileSource(store)
    source.poll()

    write_old(store, content, age=1)
    assert source.poll() is None
    assert source.fault is not None
    assert fault in source.fault
    assert str(store.path) in source.fault
    assert source.effective == orchard_document()

    write_old(store, orchard_document().model_dump_json(), age=2)
    assert source.poll() is None
    assert source.fault is None


def test_a_broken_document_at_the_start_is_a_fault(tmp_path: Path) -> None:
    """A service that starts with a broken document has a fault and no document, and finds the repaired one."""
    store = store_in(tmp_path)
    write(store, "{")
    source = FileSource(store)

    assert source.poll() is None
    assert source.fault is not None
    write_old(store, orchard_document().model_dump_json())
    assert source.poll() == orchard_document()
    assert source.fault is None


def test_a_document_that_is_being_written_is_not_a_fault_yet(tmp_path: Path) -> None:
    """The first half of a document is a fault only if it stays as it is."""
    store = store_in(tmp_path)
    write_old(store, orchard_document().model_dump_json())
    source = FileSource(store)
    source.poll()

    write(store, orchard_document().model_dump_json()[:50])
    assert source.poll() is None
    assert source.fault is None
    wait_until(lambda: source.poll() is None and source.fault is not None, "the fault of a document that stays broken")


def test_a_removed_document_is_named_and_stays_in_use(tmp_path: Path) -> None:
    """A document that was removed by mistake keeps its effect until a restart, and the fault says so."""
    store = store_in(tmp_path)
    write_old(store, orchard_document().model_dump_json())
    source = FileSource(store)
    source.poll()

    store.path.unlink()

    assert source.poll() is None
    assert source.fault is not None
    assert "was removed" in source.fault
    assert source.effective == orchard_document()
    write_old(store, orchard_document().model_dump_json(), age=1)
    assert source.poll() is None
    assert source.fault is None


def test_an_override_is_noticed_and_ends_with_the_documents_entry(tmp_path: Path) -> None:
    """Another worker's override takes effect at the next look, and a new entry of the document ends it."""
    canary = orchard_document("2", mode="canary")
    store = store_in(tmp_path)
    write_old(store, canary.model_dump_json())
    source = FileSource(store)
    source.poll()
    make_read_only(store)

    store_in(tmp_path).change_or_override(with_champion("orchard:1"), "roll_back")
    effective = source.poll()
    assert effective is not None
    assert effective.models["orchard"].challenger is None

    write_old(store, orchard_document("3", mode="canary").model_dump_json(), age=1)
    effective = source.poll()
    assert effective is not None
    assert effective.models["orchard"].challenger is not None
    assert effective.models["orchard"].challenger.tag == "orchard:3"
    write_old(store, canary.model_dump_json(), age=2)
    effective = source.poll()
    assert effective is not None
    assert effective.models["orchard"].challenger is not None


def test_an_override_that_cannot_be_written_lasts_in_its_process(tmp_path: Path) -> None:
    """Without a writable folder the worker that found the fault still takes the traffic away."""
    store = store_in(tmp_path)
    write_old(store, orchard_document("2", mode="canary").model_dump_json())
    source = FileSource(store)
    source.poll()
    make_read_only(store)
    store.overrides.path.mkdir()

    store.change_or_override(with_champion("orchard:1"), "roll_back")

    effective = source.poll()
    assert effective is not None
    assert effective.models["orchard"].challenger is None
    assert store.overrides.fault is not None


def test_a_change_of_the_file_itself_is_in_the_history_once(tmp_path: Path) -> None:
    """Several workers see a file that somebody edited; the history has one line, without the former author."""
    store = store_in(tmp_path)
    first = store.change(None, with_champion("orchard:1"), "champion")
    sources = [FileSource(store_in(tmp_path)) for _ in range(3)]
    for source in sources:
        source.poll()
    assert [change.kind for change in store.history.read()] == ["champion"]

    write_old(store, first.model_dump_json().replace("orchard:1", "orchard:2"))
    for source in sources:
        assert source.poll() is not None

    changes = store.history.read()
    assert [change.kind for change in changes] == ["file", "champion"]
    assert changes[0].user == ""
    assert changes[0].before is not None
    assert changes[0].before.champion == "orchard:1"
