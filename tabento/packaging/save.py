"""Saving, the end of a run: it stores two entries in the BentoML model store, the fitted pipeline and the bundle, or none.

Both carry the same version, the fingerprint and each other's tag as labels. (BentoML takes any string as a label's
value; names and versions of tags are lower-case letters, digits, ``_``, ``-`` and ``.``, at most 63 of them.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bentoml
import bentoml.models
from bentoml.exceptions import BentoMLException
from pydantic import BaseModel

from tabento.bundle.contract import Contract
from tabento.bundle.format import (
    BENTOML_MODULE,
    CARD_FILE,
    CONTRACT_FILE,
    DATA_CARD_FILE,
    EXAMPLES_FILE,
    EXPECTED_QUALITY_FILE,
    IMPORTANCES_FILE,
    LATENCY_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PARITY_FILE,
    REFERENCE_FILE,
    SIGNED_FORMAT,
)
from tabento.bundle.json_text import json_text
from tabento.bundle.manifest import Provenance, write_manifest
from tabento.bundle.reference import Reference
from tabento.bundle.signature import sign_bundle
from tabento.bundle.signing_key import SigningKey
from tabento.bundle.store import Bundle, load_bundle
from tabento.errors import SaveError

FINGERPRINT_LABEL = "fingerprint"
BUNDLE_LABEL = "bundle"
PIPELINE_LABEL = "pipeline"
DATA_LABEL = "data"


@dataclass(frozen=True)
class Contents:
    """The contents of a bundle, without its manifest."""

    model: bytes
    """The serialised ONNX graph."""
    contract: Contract
    reference: Reference
    examples: list[dict[str, Any]]
    """Valid rows as clients send them, at least one."""
    latency: BaseModel
    metrics: Mapping[str, float]
    """The metrics on the test part, and the number of rows of each part."""
    parity: BaseModel
    card: str
    data_card: str | None = None
    """None if the training data is unknown: an imported pipeline was fitted elsewhere."""
    importances: BaseModel | None = None
    """The importance of each feature; None if it was not measured."""
    expected_quality: BaseModel | None = None
    """The tables for the expected quality without truths; None if there are none."""


@dataclass(frozen=True)
class Tags:
    """The names of a stored model."""

    bundle: str
    """``name:version``."""
    pipeline: str
    """``name-pipeline:version``, with the bundle's version."""

    @property
    def version(self) -> str:
        """The version of both tags."""
        return self.bundle.partition(":")[2]


def new_tags(name: str) -> Tags:
    """Return fresh tags for a model; nothing is stored yet."""
    tag = bentoml.Tag.from_taglike(name).make_new_version()
    return Tags(str(tag), f"{tag.name}-pipeline:{tag.version}")


def find_by_fingerprint(name: str, fingerprint: str) -> str | None:
    """Return the tag of the newest stored bundle of a model that has this fingerprint, or None.

    A store with a damaged entry of this name is treated as empty: the model is then trained again.
    """
    try:
        stored = bentoml.models.list(name)
    except BentoMLException:
        return None
    matches = [
        model
        for model in stored
        if model.info.module == BENTOML_MODULE and model.info.labels.get(FINGERPRINT_LABEL) == fingerprint
    ]
    return str(max(matches, key=lambda model: model.creation_time).tag) if matches else None


def save(
    tags: Tags,
    pipeline: Any,
    contents: Contents,
    provenance: Provenance,
    check: Callable[[Bundle], None],
    *,
    labels: Mapping[str, str] | None = None,
    signing_key: SigningKey | None = None,
) -> Bundle:
    """Store pipeline and bundle, read the bundle back and check it. If a step fails, neither remains stored.

    Args:
        tags: From ``new_tags``.
        pipeline: The fitted pipeline or estimator.
        contents: The bundle's files.
        provenance: For the manifest and the labels.
        check: Called with the stored and verified bundle; its exception removes both entries.
        labels: Additional labels for both entries; they cannot replace the labels of every run.
        signing_key: Signs the bundle; None if it is not signed.

    Raises:
        SaveError: the store cannot be written; or an error of ``check``.
        BundleError: the stored bundle does not verify.
    """
    for tag in (tags.bundle, tags.pipeline):
        # A failure removes both tags, so no other run may own them.
        if is_stored(tag):
            raise SaveError(f"{tag} is already in the model store; a version is stored once. Use `new_tags`.")
    common = {**(labels or {}), FINGERPRINT_LABEL: provenance.fingerprint, DATA_LABEL: provenance.data}
    metadata: dict[str, Any] = {
        "metrics": dict(contents.metrics),
        "rows": provenance.rows,
        "data_sha256": provenance.data_sha256,
    }
    if contents.importances is not None:
        metadata["importances"] = contents.importances.model_dump(mode="json")
    try:
        bentoml.sklearn.save_model(
            tags.pipeline,
            pipeline,
            signatures={name: {"batchable": True, "batch_dim": 0} for name in _methods(pipeline)},
            labels={**common, BUNDLE_LABEL: tags.bundle},
            metadata=metadata,
        )
        with bentoml.models.create(
            tags.bundle,
            module=BENTOML_MODULE,
            labels={**common, PIPELINE_LABEL: tags.pipeline},
            metadata={
                **metadata,
                "format_version": contents.contract.format_version if signing_key is None else SIGNED_FORMAT,
            },
        ) as model:
            write_files(Path(model.path), contents, provenance, signing_key)
        bundle = load_bundle(tags.bundle)
        check(bundle)
    except BaseException as error:
        # Also on Ctrl-C: one entry without the other is worse than none.
        for tag in (tags.bundle, tags.pipeline):
            remove(tag)
        if isinstance(error, BentoMLException | OSError):
            raise SaveError(
                f"{tags.bundle} could not be stored: {error}. Nothing was saved. Check that the folder of the"
                " BentoML model store (BENTOML_HOME, by default ~/bentoml) can be written and has free space."
            ) from error
        raise
    return bundle


def _methods(pipeline: Any) -> list[str]:
    """Return the prediction methods of a stored pipeline."""
    return [name for name in ("predict", "predict_proba") if hasattr(pipeline, name)]


def write_files(
    folder: Path, contents: Contents, provenance: Provenance, signing_key: SigningKey | None = None
) -> None:
    """Write a bundle's files into a folder and seal it with the manifest, and with a signature if there is a key."""
    (folder / MODEL_FILE).write_bytes(contents.model)
    (folder / CARD_FILE).write_text(contents.card, encoding="utf-8")
    if contents.data_card is not None:
        (folder / DATA_CARD_FILE).write_text(contents.data_card, encoding="utf-8")
    models = {
        CONTRACT_FILE: contents.contract,
        REFERENCE_FILE: contents.reference,
        LATENCY_FILE: contents.latency,
        PARITY_FILE: contents.parity,
        **({} if contents.importances is None else {IMPORTANCES_FILE: contents.importances}),
        **({} if contents.expected_quality is None else {EXPECTED_QUALITY_FILE: contents.expected_quality}),
    }
    for name, model in models.items():
        (folder / name).write_text(model.model_dump_json(indent=2) + "\n", encoding="utf-8")
    examples = [contents.contract.with_identifiers(example) for example in contents.examples]
    for name, value in {EXAMPLES_FILE: examples, METRICS_FILE: contents.metrics}.items():
        (folder / name).write_text(json_text(value), encoding="utf-8")
    write_manifest(folder, contents.contract.name, provenance, contents.contract.format_version)
    if signing_key is not None:
        sign_bundle(folder, signing_key)


def is_stored(tag: str) -> bool:
    """Return whether the store holds this exact version, also if it is damaged."""
    try:
        return bool(bentoml.models.list(tag))
    except BentoMLException:
        return True


def remove(tag: str) -> None:
    """Remove a tag from the store, if it is stored; a damaged other entry does not prevent it."""
    with suppress(BentoMLException):
        bentoml.models.delete(tag)
