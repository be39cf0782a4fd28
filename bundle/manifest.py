"""The manifest: which files a bundle holds, their checksums, and where the model comes from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from bundle.contract import Strict
from bundle.errors import BundleFormatError, BundleIntegrityError
from bundle.format import FIRST_FORMAT, FORMATS_READ, MANIFEST_FILE, REQUIRED_FILES

_CHUNK_BYTES = 1 << 20
BENTOML_FILE = "model.yaml"
"""BentoML's own description of a stored model lies beside the bundle's files and is not one of them."""


class Provenance(Strict):
    """Where the model comes from."""

    data: Literal["real", "synthetic"]
    """Whether the model has seen real data; a model of synthetic data is for trying things out only."""
    data_source: str
    """The path or URL of the data as it was given, or the generator and its seed."""
    data_sha256: str
    """The checksum of the data file, or of the generated rows."""
    rows: int
    """How many rows the data had before the split."""
    fingerprint: str
    """A checksum over config, data, code and library versions: the same fingerprint gives the same model."""
    git_commit: str | None = None
    """The commit that was checked out, with ``+`` behind it where the tree had changes; none outside a checkout."""
    pipeline_tag: str | None = None
    """The tag of the fitted scikit-learn pipeline in the BentoML model store."""
    trained_at: str
    """The time at which the run ended, UTC, ISO 8601."""
    versions: dict[str, str]
    """The versions of Python and the libraries that made the model."""


class Manifest(Strict):
    """The content of ``MANIFEST.json``."""

    format_version: int
    """The format in which the bundle is written, see ``bundle.format``."""
    name: str
    """The model's name; the same as in the contract and in the store."""
    files: dict[str, str]
    """The sha256 of every other file of the bundle, in hexadecimal, by its name."""
    provenance: Provenance
    """Where the model comes from."""


def sha256_of(path: Path) -> str:
    """Return a file's sha256 in hexadecimal, reading it in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def write_manifest(folder: Path, name: str, provenance: Provenance, format_version: int = FIRST_FORMAT) -> Manifest:
    """Seal a folder: write the manifest over all files that lie in it.

    Args:
        folder: holds the bundle's files.
        name: the model's name.
        provenance: where the model comes from.
        format_version: the ``format_version`` of the contract in the folder.

    Raises:
        BundleIntegrityError: a file that every bundle needs is not there.
    """
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST_FILE}
    missing = [file for file in REQUIRED_FILES if file not in files]
    if missing:
        raise BundleIntegrityError(f"the bundle in {folder} lacks {', '.join(missing)}: write them before the manifest")
    manifest = Manifest(format_version=format_version, name=name, files=files, provenance=provenance)
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def verify_manifest(folder: Path) -> Manifest:
    """Read a bundle's manifest and compare every file with it, before anything of the bundle is used.

    Raises:
        BundleFormatError: there is no manifest, it is malformed, or its format is not read by this version.
        BundleIntegrityError: a file is missing, was added, is a link, or differs from its checksum.
    """
    path = folder / MANIFEST_FILE
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BundleFormatError(f"{folder} is no bundle: it has no {MANIFEST_FILE}. Train the model anew.") from None
    except ValidationError as error:
        raise BundleFormatError(f"{path} is malformed: {error}. Train the model anew.") from error
    if manifest.format_version not in FORMATS_READ:
        raise BundleFormatError(
            f"{folder} is in bundle format {manifest.format_version}; this version reads the formats"
            f" {' and '.join(map(str, FORMATS_READ))}."
            " Train the model anew, or serve it with the version that wrote it."
        )
    missing = [file for file in REQUIRED_FILES if file not in manifest.files]
    if missing:
        raise BundleIntegrityError(f"{path} does not list {', '.join(missing)}. Train the model anew.")
    found = {entry.name for entry in folder.iterdir()} - {MANIFEST_FILE, BENTOML_FILE}
    added = sorted(found - manifest.files.keys())
    if added:
        raise BundleIntegrityError(f"{folder} holds {', '.join(added)}, which its manifest does not list. Remove it.")
    for name, expected in manifest.files.items():
        file = folder / name
        if Path(name).name != name or file.is_symlink() or not file.is_file():
            raise BundleIntegrityError(
                f"{name} is listed in {path} but is no file of the bundle. Train the model anew."
            )
        got = sha256_of(file)
        if got != expected:
            raise BundleIntegrityError(
                f"{name} in {folder} was changed after the bundle was sealed: expected sha256 {expected}, got {got}."
                " Train the model anew or restore the file."
            )
    return manifest
