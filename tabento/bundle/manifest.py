"""The manifest: the files of a bundle, their checksums, and the provenance of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from tabento.bundle.checksums import file_sha256
from tabento.bundle.contract import Strict
from tabento.bundle.errors import BundleFormatError, BundleIntegrityError
from tabento.bundle.format import FIRST_FORMAT, FORMATS_READ, MANIFEST_FILE, REQUIRED_FILES

BENTOML_FILE = "model.yaml"
"""BentoML's own description of a stored model. It is in the same folder and is not a file of the bundle."""


class Provenance(Strict):
    """The provenance of the model."""

    data: Literal["real", "synthetic"]
    """Whether the model was trained on real data; a model of synthetic data is for tests only."""
    data_source: str
    """The path or URL of the data as the user wrote it, or the generator and its seed."""
    data_sha256: str
    """The checksum of the data file, or of the generated rows."""
    rows: int
    """The number of rows of the data before the split."""
    fingerprint: str
    """A checksum over config, data, code and library versions: the same fingerprint gives the same model."""
    git_commit: str | None = None
    """The commit of the checkout, with ``+`` after it if the tree had changes; None outside a checkout."""
    pipeline_tag: str | None = None
    """The tag of the fitted scikit-learn pipeline in the BentoML model store."""
    trained_at: str
    """The time of the end of the run, UTC, ISO 8601."""
    versions: dict[str, str]
    """The versions of Python and of the libraries that trained and exported the model."""


class Manifest(Strict):
    """The content of ``MANIFEST.json``."""

    format_version: int
    """The format of the bundle, see ``tabento.bundle.format``."""
    name: str
    """The model's name, as in the contract and in the store."""
    files: dict[str, str]
    """The sha256 of every other file of the bundle, in hexadecimal, by its name."""
    provenance: Provenance
    """The provenance of the model."""


def write_manifest(folder: Path, name: str, provenance: Provenance, format_version: int = FIRST_FORMAT) -> Manifest:
    """Seal a folder: write the manifest of all files in it.

    Args:
        folder: the folder of the bundle's files.
        name: the model's name.
        provenance: the provenance of the model.
        format_version: the ``format_version`` of the contract in the folder.

    Raises:
        BundleIntegrityError: a required file is missing.
    """
    files = {path.name: file_sha256(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST_FILE}
    missing = [file for file in REQUIRED_FILES if file not in files]
    if missing:
        raise BundleIntegrityError(f"the bundle in {folder} lacks {', '.join(missing)}: write them before the manifest")
    manifest = Manifest(format_version=format_version, name=name, files=files, provenance=provenance)
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return manifest


def verify_manifest(folder: Path) -> Manifest:
    """Read a bundle's manifest and compare every file with it, before any other file of the bundle is used.

    Raises:
        BundleFormatError: the manifest is missing or malformed, or this version does not read its format.
        BundleIntegrityError: a file is missing, was added, is a link, or differs from its checksum.
    """
    path = folder / MANIFEST_FILE
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BundleFormatError(
            f"{folder} is not a bundle: it has no {MANIFEST_FILE}. Train the model again."
        ) from None
    except ValidationError as error:
        raise BundleFormatError(f"{path} is malformed: {error}. Train the model again.") from error
    if manifest.format_version not in FORMATS_READ:
        raise BundleFormatError(
            f"{folder} is in bundle format {manifest.format_version}; this version reads the formats"
            f" {' and '.join(map(str, FORMATS_READ))}."
            " Train the model again, or serve it with the version that wrote it."
        )
    missing = [file for file in REQUIRED_FILES if file not in manifest.files]
    if missing:
        raise BundleIntegrityError(f"{path} does not list {', '.join(missing)}. Train the model again.")
    file_names = {entry.name for entry in folder.iterdir()} - {MANIFEST_FILE, BENTOML_FILE}
    added = sorted(file_names - manifest.files.keys())
    if added:
        raise BundleIntegrityError(
            f"{folder} contains {', '.join(added)}, which its manifest does not list. Remove it."
        )
    for name, expected in manifest.files.items():
        file = folder / name
        if Path(name).name != name or file.is_symlink() or not file.is_file():
            raise BundleIntegrityError(
                f"{name} is listed in {path} but is not a file of the bundle. Train the model again."
            )
        actual = file_sha256(file)
        if actual != expected:
            raise BundleIntegrityError(
                f"{name} in {folder} was changed after the bundle was sealed: expected sha256 {expected}, got {actual}."
                " Train the model again or restore the file."
            )
    return manifest
