"""Published bundles for tests: in the layout of an object store, in a folder of this computer, and the faults of their files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tabento.bundle.checksums import file_sha256
from tabento.bundle.format import MANIFEST_FILE, MODEL_FILE
from tests.bundles import write_bundle

TAG = "orchard:v1"


def publish(store: Path, tag: str = TAG, **options: Any) -> Path:
    """Write a bundle into the layout of an object store, and return its folder."""
    name, _, version = tag.partition(":")
    return write_bundle(store / name / version, **options)


def manifest_sha256(folder: Path) -> str:
    """Return the checksum of a bundle's manifest."""
    return file_sha256(folder / MANIFEST_FILE)


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the content of a manifest."""
    path = folder / MANIFEST_FILE
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def truncate(folder: Path) -> None:
    """Remove the last byte of the graph, as an upload that was cut."""
    path = folder / MODEL_FILE
    path.write_bytes(path.read_bytes()[:-1])


def flip_byte(folder: Path) -> None:
    """Change one bit in the middle of the graph."""
    path = folder / MODEL_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def lose_file(folder: Path) -> None:
    """Remove a file that the manifest lists."""
    (folder / MODEL_FILE).unlink()


def use_newer_format(folder: Path) -> None:
    """Make the manifest one of a later version, with a key that this version does not know."""
    change_manifest(folder, lambda content: content.update(format_version=99, later="key"))


def cut_manifest(folder: Path) -> None:
    """Remove the second half of the manifest."""
    path = folder / MANIFEST_FILE
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def rename_model(folder: Path) -> None:
    """Make the manifest one of another model."""
    change_manifest(folder, lambda content: content.update(name="churn"))


def climb_out(folder: Path) -> None:
    """List a file outside the folder, which exists there."""
    outside = folder.parent / "outside.txt"
    outside.write_bytes(b"outside")
    checksum = hashlib.sha256(b"outside").hexdigest()
    change_manifest(folder, lambda content: content["files"].update({"../outside.txt": checksum}))


def replace_entry(folder: Path) -> None:
    """List BentoML's own file, which a source must not write."""
    (folder / "model.yaml").write_bytes(b"name: x")
    checksum = hashlib.sha256(b"name: x").hexdigest()
    change_manifest(folder, lambda content: content["files"].update({"model.yaml": checksum}))


def add_many_files(folder: Path) -> None:
    """List thousands of files."""
    change_manifest(folder, lambda content: content.update(files=dict.fromkeys(map(str, range(5000)), "0" * 64)))
