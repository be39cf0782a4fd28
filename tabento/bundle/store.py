"""Bundles in the BentoML model store: search by tag or by fingerprint, verification, reading.

BentoML is imported only if its store is used: the import takes most of a second, and a folder can be read without it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    import bentoml


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


def get_stored(tag: str) -> bentoml.Model:
    """Return a bundle of the store; a tag without a version means the latest version.

    Raises:
        BundleNotFoundError: no model is stored under the tag, or the stored model is not a bundle.
    """
    import bentoml
    from bentoml.exceptions import BentoMLException, NotFound

    name = tag.partition(":")[0]
    remedy = f"Make it with `make train MODEL={name}`; `bentoml models list` lists the stored models."
    try:
        stored = bentoml.models.get(tag)
    except (NotFound, BentoMLException, ValueError) as error:
        raise BundleNotFoundError(f"the model store has no bundle {tag}. {remedy}") from error
    if stored.info.module != BENTOML_MODULE:
        raise BundleNotFoundError(
            f"{stored.tag} is in the model store but is not a bundle (its module is {stored.info.module!r}). {remedy}"
        )
    return stored


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
    return read_bundle(Path(stored.path), str(stored.tag), signatures)
