"""A sealed bundle verifies; one that was touched does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tabento.bundle.errors import BundleFormatError, BundleIntegrityError
from tabento.bundle.format import CARD_FILE, MANIFEST_FILE, MODEL_FILE
from tabento.bundle.manifest import BENTOML_FILE, verify_manifest, write_manifest
from tests.bundles import write_bundle


def test_a_sealed_bundle_verifies(tmp_path: Path) -> None:
    """A bundle with unchanged files passes, also with BentoML's own file in its folder."""
    folder = write_bundle(tmp_path / "bundle")
    (folder / BENTOML_FILE).write_text("name: orchard\n", encoding="utf-8")
    assert verify_manifest(folder).name == "orchard"


def _edit_manifest(folder: Path, edit: Callable[[dict[str, object]], object]) -> None:
    path = folder / MANIFEST_FILE
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def _flip_a_byte(folder: Path) -> None:
    data = bytearray((folder / MODEL_FILE).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / MODEL_FILE).write_bytes(data)


def _replace_by_link(folder: Path) -> None:
    (folder / MODEL_FILE).rename(folder.parent / "elsewhere.onnx")
    (folder / MODEL_FILE).symlink_to(folder.parent / "elsewhere.onnx")


def _list_outside(folder: Path) -> None:
    _edit_manifest(folder, lambda content: content["files"].update({"../elsewhere": "0" * 64}))  # type: ignore[attr-defined]


def _drop_from_list(folder: Path) -> None:
    (folder / CARD_FILE).unlink()
    _edit_manifest(folder, lambda content: content["files"].pop(CARD_FILE))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (_flip_a_byte, f"{MODEL_FILE} .* was changed after"),
        (lambda folder: (folder / CARD_FILE).unlink(), f"{CARD_FILE} is listed"),
        (lambda folder: (folder / "extra.pkl").write_bytes(b"x"), "extra.pkl, which its manifest does not list"),
        (_replace_by_link, "is not a file of the bundle"),
        (_list_outside, "elsewhere is listed"),
        (_drop_from_list, f"does not list {CARD_FILE}"),
    ],
)
def test_a_bundle_that_was_touched_is_refused(tmp_path: Path, attack: Callable[[Path], object], message: str) -> None:
    """A changed, missing, added, linked, escaping or unlisted file is found before anything is used."""
    folder = write_bundle(tmp_path / "bundle")
    attack(folder)
    with pytest.raises(BundleIntegrityError, match=message):
        verify_manifest(folder)


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (lambda folder: (folder / MANIFEST_FILE).unlink(), "is not a bundle"),
        (lambda folder: (folder / MANIFEST_FILE).write_bytes(b"{"), "is malformed"),
        (lambda folder: _edit_manifest(folder, lambda content: content.update(format_version=99)), "format 99"),
        (lambda folder: _edit_manifest(folder, lambda content: content.update(format_version=4, new=1)), "format 4"),
        (lambda folder: _edit_manifest(folder, lambda content: content.update(more=1)), "is malformed"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(
    tmp_path: Path, attack: Callable[[Path], object], message: str
) -> None:
    """A missing, truncated, foreign or newer manifest is an error with a remedy."""
    folder = write_bundle(tmp_path / "bundle")
    attack(folder)
    with pytest.raises(BundleFormatError, match=message):
        verify_manifest(folder)


def test_an_incomplete_bundle_is_not_sealed(tmp_path: Path) -> None:
    """A folder that lacks a file gets no manifest; the message names the file."""
    folder = write_bundle(tmp_path / "bundle")
    provenance = verify_manifest(folder).provenance
    (folder / CARD_FILE).unlink()
    with pytest.raises(BundleIntegrityError, match=CARD_FILE):
        write_manifest(folder, "orchard", provenance)
