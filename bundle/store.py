"""Bundles in the BentoML model store: found by tag, verified, read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bentoml
from bentoml.exceptions import BentoMLException, NotFound
from pydantic import ValidationError

from bundle.contract import Contract
from bundle.errors import BundleFormatError, BundleNotFoundError
from bundle.format import (
    BENTOML_MODULE,
    CARD_FILE,
    CONTRACT_FILE,
    EXAMPLES_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PARITY_FILE,
    REFERENCE_FILE,
)
from bundle.manifest import Manifest, verify_manifest
from bundle.reference import Reference, check_reference


@dataclass(frozen=True)
class Bundle:
    """A verified bundle. Nothing of it has been executed; ``model_path`` is what a runner loads."""

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
        """The version under which the store keeps it."""
        return self.tag.partition(":")[2]

    @property
    def model_path(self) -> Path:
        """The ONNX graph."""
        return self.path / MODEL_FILE


def read_bundle(folder: Path, tag: str) -> Bundle:
    """Verify a folder against its manifest and read it.

    Raises:
        BundleError: see ``bundle.errors``; the message names the file and what to do.
    """
    manifest = verify_manifest(folder)
    try:
        contract = Contract.model_validate_json((folder / CONTRACT_FILE).read_bytes())
        reference = Reference.model_validate_json((folder / REFERENCE_FILE).read_bytes())
        examples = json.loads((folder / EXAMPLES_FILE).read_bytes())
        metrics = json.loads((folder / METRICS_FILE).read_bytes())
        parity = json.loads((folder / PARITY_FILE).read_bytes())
    except (ValidationError, ValueError) as error:
        raise BundleFormatError(f"a file of the bundle {tag} is malformed: {error}. Train the model anew.") from error
    if not isinstance(examples, list) or not examples or not all(isinstance(row, dict) for row in examples):
        raise BundleFormatError(f"{EXAMPLES_FILE} of the bundle {tag} must be a list of at least one row, as objects.")
    if manifest.name != contract.name or tag.partition(":")[0] != contract.name:
        raise BundleFormatError(
            f"names disagree: the tag is {tag}, the manifest says {manifest.name}, the contract {contract.name}."
        )
    if manifest.format_version < contract.format_version:
        raise BundleFormatError(
            f"{CONTRACT_FILE} of the bundle {tag} has keys of format {contract.format_version}, but the manifest says"
            f" format {manifest.format_version}. Train the model anew."
        )
    try:
        check_reference(reference, contract)
    except BundleFormatError as error:
        raise BundleFormatError(
            f"{REFERENCE_FILE} of the bundle {tag} is wrong: {error} Train the model anew."
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
    """Look a bundle up in the store; a tag without a version means the latest.

    Raises:
        BundleNotFoundError: nothing is stored under the tag, or what is stored is no bundle.
    """
    name = tag.partition(":")[0]
    remedy = f"Make it with `make train MODEL={name}`; `bentoml models list` shows what is there."
    try:
        stored = bentoml.models.get(tag)
    except (NotFound, BentoMLException, ValueError) as error:
        raise BundleNotFoundError(f"the model store holds no bundle {tag}. {remedy}") from error
    if stored.info.module != BENTOML_MODULE:
        raise BundleNotFoundError(
            f"{stored.tag} is in the model store but is no bundle (its module is {stored.info.module!r}). {remedy}"
        )
    return stored


def load_bundle(tag: str) -> Bundle:
    """Find a bundle in the store, verify it and read it; a tag without a version means the latest.

    Raises:
        BundleNotFoundError: nothing is stored under the tag, or what is stored is no bundle.
        BundleFormatError, BundleIntegrityError: what is stored cannot be trusted.
    """
    stored = get_stored(tag)
    return read_bundle(Path(stored.path), str(stored.tag))
