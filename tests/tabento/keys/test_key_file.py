"""The key file: atomic changes, its mode, its lock, and the messages about wrong files."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabento.keys.errors import KeysError
from tabento.keys.key_file import (
    MAX_FILE_BYTES,
    Records,
    change_keys,
    check_unique,
    exposure,
    format_keys,
    parse_keys,
    read_keys,
)
from tabento.keys.record import KeyRecord
from tests.tabento.keys.test_changes import make_key
from tests.tabento.keys.test_record import RECORDS, content


@given(st.lists(RECORDS, max_size=3, unique_by=(lambda record: record.id, lambda record: record.digest)))
def test_a_file_is_read_back(records: list[KeyRecord]) -> None:
    """Writing and reading a file loses nothing."""
    try:
        check_unique(tuple(records), "f")
    except KeysError:  # Hypothesis repeats a digest among former secrets
        return
    assert parse_keys(format_keys(tuple(records)), "f") == tuple(records)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f is not valid JSON: Expecting value"),
        ("[]", 'f: expected an object with "format" and a list "keys"'),
        ('{"format": 1}', "expected an object"),
        ('{"format": 2, "keys": []}', "f has the format 2, expected 1. Use the version"),
        ('{"format": 1, "keys": [{}]}', "f, key 1, scopes: expected"),
        ("[" * 100_000, "f is not valid JSON"),
    ],
)
def test_a_wrong_file_is_refused(text: str, message: str) -> None:
    """The message names the file and the place of the fault."""
    with pytest.raises(KeysError, match=message):
        parse_keys(text.encode(), "f")


@pytest.mark.parametrize(
    ("second", "message"),
    [({}, "the id 'shop-1' appears twice"), ({"id": "shop-2"}, "'shop-2' has the secret of another key")],
)
def test_two_keys_do_not_share_id_or_secret(second: dict[str, str], message: str) -> None:
    """An id or a secret that appears twice is an error that names the id."""
    text = json.dumps({"format": 1, "keys": [content(), content(**second)]})
    with pytest.raises(KeysError, match=message):
        parse_keys(text.encode(), "f")


def _add(owner: str, records: Records) -> Records:
    return (*records, make_key(records, owner=owner))


def test_a_new_file_is_private_and_changes_keep_the_mode(tmp_path: Path) -> None:
    """A new file has mode 0600; a mode that an administrator chose stays, so that the service can still read the file."""
    path = tmp_path / "keys.json"
    change_keys(path, lambda records: _add("a", records), creates=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert exposure(path) is None
    path.chmod(0o640)
    change_keys(path, lambda records: _add("b", records))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [record.id for record in read_keys(path)] == ["a-1", "b-1"]
    path.chmod(0o644)
    assert "can read owners" in str(exposure(path))
    path.chmod(0o666)
    assert "can add keys" in str(exposure(path))


def test_a_refused_change_leaves_the_file(tmp_path: Path) -> None:
    """An error in a change, and a folder that cannot be written, leave the former content and no other file."""
    path = tmp_path / "keys.json"
    change_keys(path, lambda records: _add("a", records), creates=True)
    before = path.read_bytes()

    def refuse(records: Records) -> Records:
        raise KeysError("no")

    with pytest.raises(KeysError, match=r"^no$"):
        change_keys(path, refuse)
    with pytest.raises(KeysError, match="appears twice"):
        change_keys(path, lambda records: (*records, *records))
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["keys.json", "keys.json.lock"]


def test_a_missing_file_is_an_error_without_a_lock(tmp_path: Path) -> None:
    """A change of a missing file names the command that creates it, and writes nothing."""
    with pytest.raises(KeysError, match=r"does not exist\. Create a key: `tabento keys create --file"):
        change_keys(tmp_path / "none.json", lambda records: records)
    with pytest.raises(KeysError, match="cannot be written"):
        change_keys(tmp_path / "none" / "keys.json", lambda records: records, creates=True)
    assert not list(tmp_path.iterdir())


def test_a_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    """A change replaces the target of a link, not the link."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "keys.json"
    link.symlink_to(tmp_path / "real" / "keys.json")
    change_keys(link, lambda records: _add("a", records), creates=True)
    assert link.is_symlink()
    assert len(read_keys(tmp_path / "real" / "keys.json")) == 1


def test_commands_at_the_same_time_lose_no_change(tmp_path: Path) -> None:
    """Twenty changes in parallel are all in the file."""
    path = tmp_path / "keys.json"
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: change_keys(path, lambda records: _add("a", records), creates=True), range(20)))
    assert {record.id for record in read_keys(path)} == {f"a-{number}" for number in range(1, 21)}


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    """A folder, a named pipe and a huge file are errors; none of them blocks."""
    os.mkfifo(tmp_path / "pipe")
    for name in (".", "pipe"):
        with pytest.raises(KeysError, match="not a regular file"):
            read_keys(tmp_path / name)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(KeysError, match="more than 16777216 bytes"):
        read_keys(tmp_path / "huge")
