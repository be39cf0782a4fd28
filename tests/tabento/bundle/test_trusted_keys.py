"""The file of trusted keys: keys are added and revoked, and a file with a fault is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tabento.bundle.errors import SigningKeyError
from tabento.bundle.signing_key import new_signing_key
from tabento.bundle.trusted_keys import read_trusted_keys, revoke_key, trust_key

NOW, LATER = "2026-11-28T09:00:00Z", "2026-11-28T10:00:00Z"


def test_keys_are_added_and_revoked(tmp_path: Path) -> None:
    """The file keeps each key with its owner; a revoked key stays listed, with the time."""
    path, keys = tmp_path / "trusted.json", (new_signing_key(), new_signing_key())
    for key, owner in zip(keys, ("ci", "ada"), strict=True):
        assert trust_key(path, key.public_key, owner, NOW).id == key.id
    assert oct(path.stat().st_mode)[-3:] == "644"
    path.chmod(0o640)
    revoke_key(path, keys[0].id, LATER)
    listed = read_trusted_keys(path)
    assert [(key.id, key.owner, key.revoked) for key in listed.keys] == [
        (keys[0].id, "ci", LATER),
        (keys[1].id, "ada", None),
    ]
    assert [key.public_bytes for key in listed.keys] == [key.public_key for key in keys]
    assert oct(path.stat().st_mode)[-3:] == "640"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_changes_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    """A key is trusted once, a revoked key does not come back by a command, and an unknown key cannot be revoked."""
    path, key = tmp_path / "trusted.json", new_signing_key()
    trust_key(path, key.public_key, "ci", NOW)
    with pytest.raises(SigningKeyError, match="of ci is trusted already"):
        trust_key(path, key.public_key, "other", NOW)
    with pytest.raises(SigningKeyError, match=rf"has no key '0000'. Its keys are: {key.id} \(ci\)"):
        revoke_key(path, "0000", LATER)
    revoke_key(path, key.id, LATER)
    with pytest.raises(SigningKeyError, match="revoked already"):
        revoke_key(path, key.id, LATER)
    with pytest.raises(SigningKeyError, match=f"is revoked since {LATER}"):
        trust_key(path, key.public_key, "ci", LATER)
    with pytest.raises(SigningKeyError, match="owner: expected printable text"):
        trust_key(path, new_signing_key().public_key, "a\nb", NOW)
    with pytest.raises(SigningKeyError, match="does not exist"):
        revoke_key(tmp_path / "missing.json", key.id, LATER)
    with pytest.raises(SigningKeyError, match="cannot be written"):
        trust_key(tmp_path / "missing" / "trusted.json", key.public_key, "ci", NOW)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda content: content.update(format=2), "format: "),
        (lambda content: content.update(more=1), "more: "),
        (lambda content: content["keys"].append(content["keys"][0]), "is listed twice"),
        (lambda content: content["keys"][0].update(id="0" * 16), "the id of this public key is"),
        (lambda content: content["keys"][0].update(public_key="AAAA"), "expected a public key"),
        (lambda content: content["keys"][0].update(revoked="yesterday"), r"keys\.0\.revoked"),
        (lambda content: content["keys"][0].pop("owner"), r"keys\.0\.owner"),
    ],
)
def test_a_file_with_a_fault_is_refused(tmp_path: Path, edit: Callable[[Any], object], message: str) -> None:
    """An unknown key, a wrong value, and an id that belongs to another public key are named with their place."""
    path = tmp_path / "trusted.json"
    trust_key(path, new_signing_key().public_key, "ci", NOW)
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(SigningKeyError, match=message):
        read_trusted_keys(path)


def test_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    """A missing file, a folder, text that is not JSON and a file that is too large each have a message."""
    path = tmp_path / "trusted.json"
    with pytest.raises(SigningKeyError, match="does not exist"):
        read_trusted_keys(path)
    with pytest.raises(SigningKeyError, match="cannot be read: Is a directory"):
        read_trusted_keys(tmp_path)
    path.write_bytes(b"\xff{")
    with pytest.raises(SigningKeyError, match="is not a file of trusted keys"):
        read_trusted_keys(path)
    path.write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(SigningKeyError, match="has more than"):
        read_trusted_keys(path)
