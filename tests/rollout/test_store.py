"""The document's store: atomic changes, revisions, files that cannot be written."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from rollout.document import DocumentError, RolloutDocument
from rollout.errors import DocumentWriteError, StaleDocumentError
from rollout.files import FileReadError, hold_lock, replace_file
from tests.rollout.documents import (
    full_disk,
    make_read_only,
    orchard_document,
    orchard_entry,
    store_in,
    with_champion,
    write,
)


def test_a_missing_document_has_no_models(tmp_path: Path) -> None:
    """A service without a document reads an empty one, and no file or folder is made."""
    store = store_in(tmp_path)

    assert store.read() == RolloutDocument()
    assert list(tmp_path.iterdir()) == []


def test_a_change_counts_the_revision_and_can_be_read(tmp_path: Path) -> None:
    """A change has the next revision, and every reader gets it."""
    store = store_in(tmp_path, orchard_document())

    changed = store.change(3, with_champion("orchard:2"), "champion")

    assert changed.revision == 4
    assert changed.models["orchard"].champion == "orchard:2"
    assert store_in(tmp_path).read() == changed


def test_an_equal_document_is_not_written(tmp_path: Path) -> None:
    """An edit that changes nothing keeps the revision, the file and the history."""
    store = store_in(tmp_path, orchard_document())
    before = store.path.stat().st_ino

    assert store.change(None, lambda document: document, "step").revision == 3
    assert store.path.stat().st_ino == before
    assert store.history.read() == []


def test_the_second_of_two_admins_is_refused(tmp_path: Path) -> None:
    """Two changes that start from one revision at once: one is made, the other is refused with the present revision."""
    store_in(tmp_path, orchard_document())
    barrier = Barrier(2)

    def change(version: str) -> int:
        store = store_in(tmp_path)
        barrier.wait(10)
        try:
            return store.change(3, with_champion(f"orchard:{version}"), "champion").revision
        except StaleDocumentError as error:
            assert "revision 4" in str(error)
            return -error.revision

    with ThreadPoolExecutor(2) as pool:
        revisions = sorted(pool.map(change, ("2", "3")))

    assert revisions == [-4, 4]
    assert len(store_in(tmp_path).history.read()) == 1


def _add_models(folder: Path, prefix: str, count: int) -> None:
    store = store_in(folder)
    for index in range(count):
        name = f"{prefix}{index}"
        entry = orchard_entry().model_copy(update={"champion": f"{name}:1"})
        store.change(
            None,
            lambda document, name=name, entry=entry: document.model_copy(  # type: ignore[misc]
                update={"models": {**document.models, name: entry}}
            ),
            "put",
        )


def test_changes_of_several_processes_are_all_kept(tmp_path: Path) -> None:
    """Two processes that change the document at the same time lose no change."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add_models, args=(tmp_path, prefix, 10)) for prefix in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
        assert process.exitcode == 0

    store = store_in(tmp_path)
    document = store.read()
    assert document.revision == 20
    assert len(document.models) == 20
    assert [change.revision for change in store.history.read()] == list(range(20, 0, -1))


def test_an_edit_that_fails_leaves_the_document_and_the_lock_is_free(tmp_path: Path) -> None:
    """An error in an edit changes nothing, and the next change is made."""
    store = store_in(tmp_path, orchard_document())

    def fail(document: RolloutDocument) -> RolloutDocument:
        raise KeyError("unexpected")

    with pytest.raises(KeyError, match="unexpected"):
        store.change(None, fail, "champion")
    assert store.change(3, with_champion("orchard:2"), "champion").revision == 4


def test_a_contradictory_result_is_not_written(tmp_path: Path) -> None:
    """An edit whose document contradicts itself is refused, although the edit skipped the validation."""
    store = store_in(tmp_path, orchard_document())

    with pytest.raises(DocumentError, match="is a version of another model"):
        store.change(None, with_champion("pear:1"), "champion")
    assert store.read().revision == 3


def test_a_full_disk_leaves_the_document_as_it_was(tmp_path: Path) -> None:
    """A document that cannot be written whole stays as it was, and no other file is left beside it."""
    store = store_in(tmp_path, orchard_document())
    before = store.path.read_bytes()

    with full_disk(), pytest.raises(DocumentWriteError, match=r"cannot be written: .* It is unchanged"):
        store.change(None, with_champion("orchard:2"), "champion")

    assert store.path.read_bytes() == before
    assert sorted(path.name for path in store.path.parent.iterdir()) == [
        "history.jsonl.lock",
        "rollout.json",
        "rollout.json.lock",
    ]


def test_a_change_is_made_although_its_history_cannot_be_written(tmp_path: Path) -> None:
    """A history that is a folder does not prevent a change, and the fault is kept."""
    store = store_in(tmp_path, orchard_document())
    store.history.path.mkdir(parents=True)

    assert store.change(None, with_champion("orchard:2"), "champion").revision == 4
    assert store.history.fault is not None


def test_a_document_without_a_folder_to_write_to_is_refused(tmp_path: Path) -> None:
    """A path below a file cannot be written; the message has the remedy."""
    (tmp_path / "runs").write_text("not a folder")

    with pytest.raises(DocumentWriteError, match="Change a mounted file at its source"):
        store_in(tmp_path).change(None, with_champion("orchard:2"), "champion")


def test_a_lock_that_is_held_for_too_long_is_an_error(tmp_path: Path) -> None:
    """A change does not wait forever for a process that hangs with the lock."""
    path = tmp_path / "rollout.json"

    with hold_lock(path), pytest.raises(DocumentWriteError, match="another process"), hold_lock(path, timeout_s=0.03):
        pass


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "EOF|Invalid JSON"),
        ('{"format": 2}', "format"),
        ('{"format": 1, "modles": {}}', "modles"),
        ('{"models": {"orchard": {"champion": "pear:1"}}}', "a version of another model"),
        ('{"models": {"orchard": {"champion": "orchard:1", "challenger": {"tag": "orchard:1"}}}}', "the same version"),
        (
            '{"models": {"orchard": {"champion": "orchard:1", "challenger": {"tag": "orchard:2", "steps": [{"share": 0}]}}}}',
            "greater than 0",
        ),
        ("[]", "the document"),
    ],
)
def test_a_change_of_a_broken_document_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """A document that is broken or contradicts itself is named, and a change does not overwrite it."""
    store = store_in(tmp_path)
    write(store, content)

    with pytest.raises(DocumentError, match=message):
        store.change(None, with_champion("orchard:2"), "champion")
    assert store.path.read_text() == content


def test_a_document_that_is_not_a_file_is_named(tmp_path: Path) -> None:
    """A folder and a named pipe in place of the document are errors, and reading does not wait."""
    store = store_in(tmp_path)
    store.path.mkdir(parents=True)
    with pytest.raises(FileReadError, match="not a regular file"):
        store.read()
    store.path.rmdir()
    os.mkfifo(store.path)
    with pytest.raises(FileReadError, match="not a regular file"):
        store.read()


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path: Path) -> None:
    """A change behind a symbolic link replaces the target and keeps its mode."""
    store = store_in(tmp_path, orchard_document())
    target = tmp_path / "shared.json"
    store.path.rename(target)
    target.chmod(0o640)
    store.path.symlink_to(target)

    store.change(3, with_champion("orchard:2"), "champion")

    assert store.path.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert store.read().revision == 4


def test_a_file_of_another_kind_is_replaced_whole(tmp_path: Path) -> None:
    """A replaced file has exactly the new bytes, also if the former ones were more."""
    path = tmp_path / "file"
    replace_file(path, b"a" * 1000)
    replace_file(path, b"b")

    assert path.read_bytes() == b"b"


def test_an_automatic_change_of_a_read_only_document_is_an_override(tmp_path: Path) -> None:
    """A rollback that cannot be written is used by this replica until the document's entry changes."""
    store = store_in(tmp_path, orchard_document("2", mode="canary"))
    make_read_only(store)

    effective = store.change_or_override(with_champion("orchard:1"), "roll_back")

    assert effective.models["orchard"].challenger is None
    assert store.read().models["orchard"].challenger is not None
    assert store.overrides.apply(store.read()) == effective
    assert [change.kind for change in store.history.read()] == ["roll_back"]
    store.history.note_file(store.path)
    assert [change.kind for change in store.history.read()] == ["roll_back"]


def test_an_automatic_change_of_a_writable_document_is_written(tmp_path: Path) -> None:
    """A rollback of a document that can be written reaches all replicas, and makes no override."""
    store = store_in(tmp_path, orchard_document("2", mode="canary"))

    changed = store.change_or_override(with_champion("orchard:1"), "roll_back")

    assert store.read() == changed
    assert not store.overrides.path.exists()
