"""Saving: the end of a run. Two entries in the BentoML model store, the fitted pipeline and the bundle, or none.

Both carry the same version, the fingerprint and each other's tag as labels. (BentoML takes any string as a label's
value; names and versions of tags are lower-case letters, digits, ``_``, ``-`` and ``.``, at most 63 of them.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bentoml
import bentoml.models
from bentoml.exceptions import BentoMLException
from pydantic import BaseModel

from bundle.contract import Contract
from bundle.format import (
    BENTOML_MODULE,
    CARD_FILE,
    CONTRACT_FILE,
    DATA_CARD_FILE,
    EXAMPLES_FILE,
    LATENCY_FILE,
    METRICS_FILE,
    MODEL_FILE,
    PARITY_FILE,
    REFERENCE_FILE,
)
from bundle.manifest import Provenance, write_manifest
from bundle.reference import Reference
from bundle.store import Bundle, load_bundle
from training.errors import SaveError
from training.startup_check import require_startup

FINGERPRINT_LABEL = "fingerprint"
BUNDLE_LABEL = "bundle"
PIPELINE_LABEL = "pipeline"
DATA_LABEL = "data"


@dataclass(frozen=True)
class Contents:
    """What a bundle is made of, its manifest aside."""

    model: bytes
    """The serialised ONNX graph."""
    contract: Contract
    reference: Reference
    examples: list[dict[str, Any]]
    """Valid rows as clients send them, at least one."""
    latency: BaseModel
    metrics: Mapping[str, float]
    """Figures on the test part, and how many rows each part has."""
    parity: BaseModel
    card: str
    data_card: str | None = None
    """None where the training data is not known: an imported pipeline was fitted elsewhere."""


@dataclass(frozen=True)
class Tags:
    """Under which names a run stores its model."""

    bundle: str
    """``name:version``."""
    pipeline: str
    """``name-pipeline:version``, with the bundle's version."""

    @property
    def version(self) -> str:
        """The version of both."""
        return self.bundle.partition(":")[2]


def new_tags(name: str) -> Tags:
    """Return fresh tags for a model; nothing is stored yet."""
    tag = bentoml.Tag.from_taglike(name).make_new_version()
    return Tags(str(tag), f"{tag.name}-pipeline:{tag.version}")


def find_by_fingerprint(name: str, fingerprint: str) -> str | None:
    """Return the tag of the newest stored bundle of a model that has this fingerprint, or None.

    A store in which an entry of this name is damaged counts as empty: the model is then made anew.
    """
    try:
        stored = bentoml.models.list(name)
    except BentoMLException:
        return None
    wanted = [
        model
        for model in stored
        if model.info.module == BENTOML_MODULE and model.info.labels.get(FINGERPRINT_LABEL) == fingerprint
    ]
    return str(max(wanted, key=lambda model: model.creation_time).tag) if wanted else None


def save(
    tags: Tags,
    pipeline: Any,
    contents: Contents,
    provenance: Provenance,
    check: Callable[[Bundle], None],
    *,
    labels: Mapping[str, str] | None = None,
) -> Bundle:
    """Store pipeline and bundle, read the bundle back and check it; whatever fails, nothing of both remains.

    The last check is the service's own, the one that it makes when it starts.

    Args:
        tags: From ``new_tags``.
        pipeline: The fitted pipeline or estimator.
        contents: The bundle's files.
        provenance: For the manifest and the labels.
        check: Called with the stored and verified bundle; an exception of it undoes the saving.
        labels: More labels for both entries; they do not change those of every run.

    Raises:
        SaveError: the store cannot be written, or the service would not start with the bundle.
        BundleError: what was written does not verify.
    """
    for tag in (tags.bundle, tags.pipeline):
        # Undoing removes both tags: they must be this run's own.
        if is_stored(tag):
            raise SaveError(f"{tag} is in the model store already; a version is stored once. Take `new_tags`.")
    common = {**(labels or {}), FINGERPRINT_LABEL: provenance.fingerprint, DATA_LABEL: provenance.data}
    metadata = {"metrics": dict(contents.metrics), "rows": provenance.rows, "data_sha256": provenance.data_sha256}
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
            metadata={**metadata, "format_version": contents.contract.format_version},
        ) as model:
            write_files(Path(model.path), contents, provenance)
        bundle = load_bundle(tags.bundle)
        check(bundle)
        require_startup(tags.bundle)
    except BaseException as error:
        # Also when somebody presses Ctrl-C: half a pair is worse than none.
        for tag in (tags.bundle, tags.pipeline):
            remove(tag)
        if isinstance(error, BentoMLException | OSError):
            raise SaveError(
                f"{tags.bundle} could not be stored: {error}. Nothing was saved. Look whether the folder of the"
                " BentoML model store (BENTOML_HOME, by default ~/bentoml) can be written and has room."
            ) from error
        raise
    return bundle


def _methods(pipeline: Any) -> list[str]:
    """Return the methods by which a stored pipeline can be asked."""
    return [name for name in ("predict", "predict_proba") if hasattr(pipeline, name)]


def write_files(folder: Path, contents: Contents, provenance: Provenance) -> None:
    """Write a bundle's files into a folder and seal it with the manifest."""
    (folder / MODEL_FILE).write_bytes(contents.model)
    (folder / CARD_FILE).write_text(contents.card, encoding="utf-8")
    if contents.data_card is not None:
        (folder / DATA_CARD_FILE).write_text(contents.data_card, encoding="utf-8")
    models = {
        CONTRACT_FILE: contents.contract,
        REFERENCE_FILE: contents.reference,
        LATENCY_FILE: contents.latency,
        PARITY_FILE: contents.parity,
    }
    for name, model in models.items():
        (folder / name).write_text(model.model_dump_json(indent=2) + "\n", encoding="utf-8")
    examples = [contents.contract.with_identifiers(example) for example in contents.examples]
    for name, value in {EXAMPLES_FILE: examples, METRICS_FILE: contents.metrics}.items():
        (folder / name).write_text(to_json(value), encoding="utf-8")
    write_manifest(folder, contents.contract.name, provenance, contents.contract.format_version)


def to_json(value: Any) -> str:
    """Write a value as JSON that every reader takes: UTF-8, no NaN.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def is_stored(tag: str) -> bool:
    """Say whether the store holds this exact version, be it damaged."""
    try:
        return bool(bentoml.models.list(tag))
    except BentoMLException:
        return True


def remove(tag: str) -> None:
    """Remove a tag from the store, if it is there; a damaged neighbour does not keep it."""
    with suppress(BentoMLException):
        bentoml.models.delete(tag)
