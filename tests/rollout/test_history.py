"""The history: the newest first, bounded, and readable after damage; the former champion is found in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollout import history as history_module
from rollout.changes import Author, set_champion
from rollout.document import RolloutDocument
from rollout.history import BACK, History
from rollout.store import DocumentStore
from tests.rollout.documents import full_disk, orchard_document, store_in


def set_champions(store: DocumentStore, *tags: str, kind: str = "champion") -> None:
    """Change the champion of the model ``orchard`` several times."""
    for tag in tags:

        def edit(document: RolloutDocument, tag: str = tag) -> RolloutDocument:
            return set_champion(document, tag, Author("anna", f"try {tag}"))

        store.change(None, edit, kind)


def test_a_change_has_its_author_reason_and_both_entries(tmp_path: Path) -> None:
    """A line of the history has the keys when, who, why and what, and both entries."""
    store = store_in(tmp_path, orchard_document())
    set_champions(store, "orchard:2")

    change = store.history.read()[0]
    assert (change.kind, change.user, change.reason, change.revision) == ("champion", "anna", "try orchard:2", 4)
    assert change.before is not None
    assert change.after is not None
    assert (change.before.champion, change.after.champion) == ("orchard:1", "orchard:2")
    assert '"who":"anna"' in store.history.path.read_text()


def test_a_damaged_line_is_left_out(tmp_path: Path) -> None:
    """A line that was written in part, or is not a change, does not hide the others."""
    store = store_in(tmp_path)
    set_champions(store, "orchard:1")
    with store.history.path.open("ab") as file:
        file.write(b'\xff{"when": "2026\n[]\n')
    set_champions(store, "orchard:2")

    assert [change.after.champion for change in store.history.read() if change.after] == ["orchard:2", "orchard:1"]


def test_a_torn_last_line_does_not_damage_the_next_change(tmp_path: Path) -> None:
    """After a line without its end the next change begins a line of its own."""
    store = store_in(tmp_path)
    set_champions(store, "orchard:1")
    with store.history.path.open("ab") as file:
        file.write(b'{"when": "2026')
    set_champions(store, "orchard:2")

    assert len(store.history.read()) == 2


def test_a_long_history_keeps_its_newest_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history above its largest size loses its oldest changes, and every line that stays is whole."""
    monkeypatch.setattr(history_module, "MAX_BYTES", 4_000)
    store = store_in(tmp_path)
    set_champions(store, *(f"orchard:{number}" for number in range(30)))

    changes = store.history.read()
    assert store.history.path.stat().st_size <= 4_000
    assert [change.revision for change in changes] == list(range(30, 30 - len(changes), -1))
    assert 3 < len(changes) < 30
    assert len(changes) == len(store.history.path.read_bytes().splitlines())


def test_the_former_champion_is_found_over_several_changes(tmp_path: Path) -> None:
    """Going back twice goes further back, and does not return to the version that was left."""
    store = store_in(tmp_path, orchard_document())
    set_champions(store, "orchard:2", "orchard:3")

    assert store.history.previous_champion("orchard") == "orchard:2"
    set_champions(store, "orchard:2", kind=BACK)
    assert store.history.previous_champion("orchard") == "orchard:1"
    set_champions(store, "orchard:1", kind=BACK)
    assert store.history.previous_champion("orchard") is None
    assert store.history.previous_champion("pear") is None


def test_a_removed_model_is_a_change(tmp_path: Path) -> None:
    """A document without a model it listed has a change with no entry after it."""
    store = store_in(tmp_path, orchard_document())
    store.change(
        None, lambda document: document.model_copy(update={"models": {}}), "put", user="anna", reason="retired"
    )

    change = store.history.read("orchard")[0]
    assert change.after is None
    assert (change.user, change.reason) == ("anna", "retired")


def test_a_full_disk_keeps_the_lines_whole(tmp_path: Path) -> None:
    """A line that could be written in part only is removed again, and the fault is kept until the next change."""
    store = store_in(tmp_path)
    set_champions(store, "orchard:1")
    size = store.history.path.stat().st_size

    with full_disk(size + 10):
        set_champions(store, "orchard:2")
    fault = store.history.fault

    assert store.history.path.stat().st_size == size
    assert fault is not None
    set_champions(store, "orchard:3")
    assert store.history.fault is None
    assert len(store.history.read()) == 2


def test_a_missing_history_is_empty(tmp_path: Path) -> None:
    """A history that was never written has no changes and no former champion."""
    assert History(tmp_path / "history.jsonl").read() == []
