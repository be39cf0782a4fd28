"""Bundles in the BentoML model store: search by tag or by fingerprint, verification, reading.

The files of BentoML's store are read directly, because its import takes most of a second.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tabento.bundle.contract import Contract
from tabento.bundle.errors import BundleFormatError, BundleNotFoundError
from tabento.bundle.format import (
    BENTOML_MODULE,
    CARD_FILE,
    CONTRACT_FILE,
    EXAMPLES_FILE,
    MANIFEST_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PARITY_FILE,
    REFERENCE_FILE,
)
from tabento.bundle.manifest import BENTOML_FILE, Manifest, verify_manifest
from tabento.bundle.reference import Reference, check_reference
from tabento.bundle.signature import SignaturePolicy

BENTO_VARIABLE = "BENTO_PATH"
"""The variable with which an image names the folder of its Bento."""
LATEST_FILE = "latest"
"""BentoML's note of the latest version, in the folder of a model's name."""
_NAME_PART = re.compile(r"[a-z0-9]([-._a-z0-9]*[a-z0-9])?")
"""BentoML's rule for the name and the version of a tag."""


@dataclass(frozen=True)
class Bundle:
    """A verified bundle. No part of it has been executed; a runner loads ``model_path``."""

    tag: str
    """``name:version`` in the model store."""
    path: Path
    manifest: Manifest
    contract: Contract
    examples: tuple[dict[str, Any], ...]
    """Valid rows, as a client would send them."""
    metrics: dict[str, Any]
    parity: dict[str, Any]
    reference: Reference
    card: str

    @property
    def name(self) -> str:
        """The model's name."""
        return self.contract.name

    @property
    def version(self) -> str:
        """The version in the store."""
        return self.tag.partition(":")[2]

    @property
    def model_path(self) -> Path:
        """The ONNX graph."""
        return self.path / MODEL_FILE


def read_bundle(folder: Path, tag: str, signatures: SignaturePolicy | None = None) -> Bundle:
    """Verify a folder against its manifest and read it.

    Args:
        folder: the folder of the bundle.
        tag: ``name:version``.
        signatures: the demanded signatures, which are checked before any other file is read; None: signatures are not checked.

    Raises:
        BundleError: see ``tabento.bundle.errors``; the message names the file and the remedy.
    """
    if signatures is not None:
        signatures.check(folder, tag)
    manifest = verify_manifest(folder)
    try:
        contract = Contract.model_validate_json((folder / CONTRACT_FILE).read_bytes())
        reference = Reference.model_validate_json((folder / REFERENCE_FILE).read_bytes())
        examples = json.loads((folder / EXAMPLES_FILE).read_bytes())
        metrics = json.loads((folder / METRICS_FILE).read_bytes())
        parity = json.loads((folder / PARITY_FILE).read_bytes())
    except (ValidationError, ValueError) as error:
        raise BundleFormatError(f"a file of the bundle {tag} is malformed: {error}. Train the model again.") from error
    if not isinstance(examples, list) or not examples or not all(isinstance(row, dict) for row in examples):
        raise BundleFormatError(f"{EXAMPLES_FILE} of the bundle {tag} must be a list of at least one row, as objects.")
    if manifest.name != contract.name or tag.partition(":")[0] != contract.name:
        raise BundleFormatError(
            f"names disagree: the tag is {tag}, the name in the manifest is {manifest.name}, in the contract {contract.name}."
        )
    if manifest.format_version < contract.format_version:
        raise BundleFormatError(
            f"{CONTRACT_FILE} of the bundle {tag} has keys of format {contract.format_version}, but the manifest has"
            f" format {manifest.format_version}. Train the model again."
        )
    try:
        check_reference(reference, contract)
    except BundleFormatError as error:
        raise BundleFormatError(
            f"{REFERENCE_FILE} of the bundle {tag} is wrong: {error} Train the model again."
        ) from None
    return Bundle(
        tag=tag,
        path=folder,
        manifest=manifest,
        contract=contract,
        examples=tuple(examples),
        metrics=metrics,
        parity=parity,
        reference=reference,
        card=(folder / CARD_FILE).read_text(encoding="utf-8"),
    )


@dataclass(frozen=True)
class StoredBundle:
    """A bundle of the store that was not verified."""

    tag: str
    """``name:version``."""
    path: Path


def get_stored(tag: str) -> StoredBundle:
    """Return a bundle of the store; a tag without a version means the latest version.

    The files of the store are read directly. BentoML is asked only if that finds nothing: it also completes shortened
    versions, and finds the latest version if its note about it is missing.

    Raises:
        BundleNotFoundError: no model is stored under the tag, or the stored model is not a bundle.
    """
    stored = _find_stored(tag)
    if stored is not None:
        return stored
    import bentoml
    from bentoml.exceptions import BentoMLException, NotFound

    name = tag.partition(":")[0]
    remedy = f"Make it with `make train MODEL={name}`; `bentoml models list` lists the stored models."
    try:
        model = bentoml.models.get(tag)
    except (NotFound, BentoMLException, ValueError) as error:
        raise BundleNotFoundError(f"the model store has no bundle {tag}. {remedy}") from error
    if model.info.module != BENTOML_MODULE:
        raise BundleNotFoundError(
            f"{model.tag} is in the model store but is not a bundle (its module is {model.info.module!r}). {remedy}"
        )
    return StoredBundle(str(model.tag), Path(model.path))


def _find_stored(tag: str) -> StoredBundle | None:
    """Return a bundle of the stores by its exact tag, or the version that BentoML has noted as the latest one."""
    name, _, version = tag.partition(":")
    if not _NAME_PART.fullmatch(name) or (version and not _NAME_PART.fullmatch(version)):
        return None
    for store in store_folders():
        folder = store / name
        try:
            if version in ("", "latest"):
                found_version = (folder / LATEST_FILE).read_text(encoding="utf-8").strip()
            else:
                found_version = version
            description = (folder / found_version / BENTOML_FILE).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if found_version and f"\nmodule: {BENTOML_MODULE}\n" in description:
            return StoredBundle(f"{name}:{found_version}", folder / found_version)
    return None


def find_folder(name: str, fingerprint: str) -> Path | None:
    """Return the folder of the newest stored bundle of a model with a fingerprint; None if there is no such bundle.

    The bundle is not verified. Folders with an unreadable manifest, and folders that BentoML does not list, are skipped.
    """
    matches = []
    try:
        folders = [path for path in (store_folder() / name.lower()).iterdir() if (path / BENTOML_FILE).is_file()]
    except OSError:
        return None
    for folder in folders:
        try:
            provenance = json.loads((folder / MANIFEST_FILE).read_bytes())["provenance"]
            if provenance["fingerprint"] == fingerprint:
                matches.append((str(provenance["trained_at"]), folder))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return max(matches)[1] if matches else None


def store_folders() -> list[Path]:
    """Return the folders that are searched for a bundle: inside an image first the models that are packed in it."""
    packed = os.environ.get(BENTO_VARIABLE)
    folders = [Path(packed) / "models"] if packed else []
    return [*(folder for folder in folders if folder.is_dir()), store_folder()]


def store_folder() -> Path:
    """Return the folder in which BentoML keeps models: ``models`` in BENTOML_HOME, by default in ``~/bentoml``."""
    return Path(os.path.expandvars(os.environ.get("BENTOML_HOME") or "~/bentoml")).expanduser() / "models"


def load_bundle(tag: str, signatures: SignaturePolicy | None = None) -> Bundle:
    """Find a bundle in the store, verify it and read it.

    Args:
        tag: ``name:version``, or ``name`` for the latest version.
        signatures: see ``read_bundle``.

    Raises:
        BundleNotFoundError: no model is stored under the tag, or the stored model is not a bundle.
        BundleFormatError, BundleIntegrityError: the stored bundle is malformed or was changed.
        BundleSignatureError: the bundle does not have the demanded signature.
    """
    stored = get_stored(tag)
    return read_bundle(stored.path, stored.tag, signatures)
