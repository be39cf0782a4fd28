"""The manifest: the files of a bundle, their checksums, and the provenance of the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import StringConstraints, ValidationError

from tabento.bundle.checksums import file_sha256
from tabento.bundle.errors import BundleFormatError, BundleIntegrityError
from tabento.bundle.format import (
    FIRST_FORMAT,
    FORMATS_READ,
    MANIFEST_FILE,
    REQUIRED_FILES,
    SIGNATURE_FILE,
    SIGNED_FORMAT,
)
from tabento.bundle.strict import ExtensibleModel, Strict

BENTOML_FILE = "model.yaml"
"""BentoML's own description of a stored model. It is in the same folder and is not a file of the bundle."""

KEY_ID_PATTERN = r"^[0-9a-f]{16}$"
"""The form of the id of a signing key, see ``tabento.bundle.signing_key``."""
KeyId = Annotated[str, StringConstraints(pattern=KEY_ID_PATTERN)]


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


class Manifest(ExtensibleModel):
    """The content of ``MANIFEST.json``."""

    later_keys = ("signed_by",)

    format_version: int
    """The format of the bundle, see ``tabento.bundle.format``."""
    name: str
    """The model's name, as in the contract and in the store."""
    files: dict[str, str]
    """The sha256 of every other file of the bundle, in hexadecimal, by its name."""
    provenance: Provenance
    """The provenance of the model."""
    signed_by: KeyId | None = None
    """The id of the key whose signature of the manifest is in ``MANIFEST.sig``; None if the bundle is not signed."""

    @property
    def file_names(self) -> tuple[str, ...]:
        """The names of all files of the bundle, the manifest first; whoever copies a bundle copies these."""
        signature = () if self.signed_by is None else (SIGNATURE_FILE,)
        return (MANIFEST_FILE, *signature, *self.files)

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        return (self.model_dump_json(indent=2) + "\n").encode()


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
    seals = (MANIFEST_FILE, SIGNATURE_FILE)
    files = {path.name: file_sha256(path) for path in sorted(folder.iterdir()) if path.name not in seals}
    missing = [file for file in REQUIRED_FILES if file not in files]
    if missing:
        raise BundleIntegrityError(f"the bundle in {folder} lacks {', '.join(missing)}: write them before the manifest")
    manifest = Manifest(format_version=format_version, name=name, files=files, provenance=provenance)
    (folder / MANIFEST_FILE).write_bytes(manifest.to_bytes())
    return manifest


def verify_manifest(folder: Path) -> Manifest:
    """Read a bundle's manifest and compare every file with it, before any other file of the bundle is used.

    A signature must exist if the manifest names its key. ``tabento.bundle.signature`` compares it with the key.

    Raises:
        BundleFormatError: the manifest is missing or malformed, or this version does not read its format.
        BundleIntegrityError: a file is missing, was added, is a link, or differs from its checksum.
    """
    manifest = read_manifest(folder)
    signature = folder / SIGNATURE_FILE
    if manifest.signed_by is not None and (signature.is_symlink() or not signature.is_file()):
        raise BundleIntegrityError(
            f"{folder} was signed with the key {manifest.signed_by}, but {SIGNATURE_FILE} is missing. Restore the file, or"
            " sign the bundle again."
        )
    verify_files(folder, manifest, signed=manifest.signed_by is not None)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read a bundle's manifest; no file is compared with it.

    Raises:
        BundleFormatError: the manifest is missing or malformed, or this version does not read its format.
        OSError: it cannot be read.
    """
    return parse_manifest(manifest_bytes(folder), str(folder / MANIFEST_FILE))


def manifest_bytes(folder: Path) -> bytes:
    """Return the content of a bundle's manifest.

    Raises:
        BundleFormatError: the folder has no manifest.
        OSError: it cannot be read.
    """
    try:
        return (folder / MANIFEST_FILE).read_bytes()
    except FileNotFoundError:
        raise BundleFormatError(
            f"{folder} is not a bundle: it has no {MANIFEST_FILE}. Train the model again."
        ) from None


def parse_manifest(content: bytes, origin: str) -> Manifest:
    """Parse the content of a manifest.

    Args:
        content: JSON in UTF-8.
        origin: the file or the address that messages name.

    Raises:
        BundleFormatError: it is malformed, or this version does not read its format.
    """
    try:
        version = json.loads(content)["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        version = None  # the message below names the fault
    # A newer format may have keys that this version does not know, so its number is compared first.
    if type(version) is int and version not in FORMATS_READ:
        raise BundleFormatError(
            f"{origin} is in bundle format {version}; this version reads the formats"
            f" {', '.join(map(str, FORMATS_READ[:-1]))} and {FORMATS_READ[-1]}."
            " Train the model again, or serve it with the version that wrote it."
        )
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise BundleFormatError(f"{origin} is malformed: {error}. Train the model again.") from error
    if (manifest.signed_by is not None) != (manifest.format_version >= SIGNED_FORMAT):
        raise BundleFormatError(
            f"{origin} is malformed: expected `signed_by` in format {SIGNED_FORMAT} and only there, got format"
            f" {manifest.format_version}. Sign the bundle again, or train the model again."
        )
    return manifest


def verify_files(folder: Path, manifest: Manifest, *, signed: bool) -> None:
    """Compare every file of a folder with a manifest.

    Args:
        folder: the folder of the bundle.
        manifest: the content of its manifest.
        signed: whether the folder may have a signature.

    Raises:
        BundleIntegrityError: a file is missing, was added, is a link, or differs from its checksum.
    """
    path = folder / MANIFEST_FILE
    missing = [file for file in REQUIRED_FILES if file not in manifest.files]
    if missing:
        raise BundleIntegrityError(f"{path} does not list {', '.join(missing)}. Train the model again.")
    seals = {MANIFEST_FILE, BENTOML_FILE, *([SIGNATURE_FILE] if signed else [])}
    file_names = {entry.name for entry in folder.iterdir()} - seals
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
