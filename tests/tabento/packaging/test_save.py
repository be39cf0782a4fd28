"""Pipeline and bundle are stored together, linked and verified, or not at all."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import bentoml
import numpy as np
import pytest
from pydantic import BaseModel
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline

from tabento.bundle.errors import BundleIntegrityError, BundleSignatureError
from tabento.bundle.manifest import Provenance
from tabento.bundle.reference import NumberDistribution, Reference
from tabento.bundle.signature import SignaturePolicy
from tabento.bundle.signing_key import new_signing_key
from tabento.bundle.store import Bundle, load_bundle
from tabento.bundle.trusted_keys import read_trusted_keys, trust_key
from tabento.errors import SaveError
from tabento.packaging.save import Contents, Tags, find_by_fingerprint, new_tags, remove, save
from tests.bundles import TREE, linear_model, orchard_contract

PIPELINE = Pipeline([("model", DummyRegressor(strategy="constant", constant=3.0))]).fit(np.zeros((2, 7)), [3.0, 3.0])


class Figures(BaseModel):
    """Stands for a report."""

    worst_relative: float = 0.0


def contents() -> Contents:
    """The files of a small bundle."""
    contract = orchard_contract()
    numbers = NumberDistribution(
        count=1, null_rate=0, mean=1, std=0, minimum=1, maximum=1, p05=1, p50=1, p95=1, edges=(1,), shares=(1, 0)
    )
    return Contents(
        model=linear_model(len(contract.features)).SerializeToString(),
        contract=contract,
        reference=Reference(features={}, prediction=numbers, target=numbers),
        examples=[TREE],
        latency=Figures(),
        metrics={"rmse": 1.5, "test_rows": 200},
        parity=Figures(),
        card="# Apple trees · naïve\n",
    )


def provenance(tags: Tags, fingerprint: str = "f" * 64) -> Provenance:
    """Where the small bundle comes from."""
    return Provenance(
        data="synthetic",
        data_source="synthetic, seed 3",
        data_sha256="0" * 64,
        rows=800,
        fingerprint=fingerprint,
        pipeline_tag=tags.pipeline,
        trained_at="2026-01-01T00:00:00+00:00",
        versions={"python": "3"},
    )


def accept(bundle: Bundle) -> None:
    """Find nothing wrong with a bundle."""


def stored_tags() -> list[str]:
    """All tags of the store."""
    return [str(model.tag) for model in bentoml.models.list()]


def test_saved_pair_is_found_verified_and_linked(model_store: Path) -> None:
    """Pipeline and bundle share a version, carry the fingerprint and name each other."""
    tags = new_tags("orchard")
    bundle = save(tags, PIPELINE, contents(), provenance(tags), accept)
    assert load_bundle("orchard").tag == bundle.tag == tags.bundle
    assert bundle.card == "# Apple trees · naïve\n"
    assert bundle.metrics == {"rmse": 1.5, "test_rows": 200}
    assert bundle.examples == (TREE,)

    stored, pipeline = bentoml.models.get(tags.bundle), bentoml.models.get(tags.pipeline)
    assert (stored.info.module, pipeline.info.module) == ("tabento", "bentoml.sklearn")
    assert stored.info.labels == {"fingerprint": "f" * 64, "data": "synthetic", "pipeline": tags.pipeline}
    assert pipeline.info.labels == {"fingerprint": "f" * 64, "data": "synthetic", "bundle": tags.bundle}
    assert stored.info.metadata["metrics"] == {"rmse": 1.5, "test_rows": 200}
    assert bentoml.sklearn.load_model(tags.pipeline).predict(np.zeros((1, 7))) == [3.0]


def test_a_signed_bundle_is_stored_with_its_signature(model_store: Path) -> None:
    """A run with a signing key stores a bundle of format 3 that verifies with the public key; the other files are equal."""
    key, signed_tags, unsigned_tags = new_signing_key(), new_tags("orchard"), new_tags("orchard")
    signed = save(signed_tags, PIPELINE, contents(), provenance(signed_tags), accept, signing_key=key)
    trust_key(model_store / "trusted.json", key.public_key, "ci", "2026-11-28T09:00:00Z")
    policy = SignaturePolicy(True, read_trusted_keys(model_store / "trusted.json"))
    assert load_bundle(signed_tags.bundle, policy).manifest.signed_by == key.id
    assert bentoml.models.get(signed_tags.bundle).info.metadata["format_version"] == signed.manifest.format_version == 3
    unsigned = save(unsigned_tags, PIPELINE, contents(), provenance(unsigned_tags), accept)
    assert unsigned.manifest.files == signed.manifest.files
    with pytest.raises(BundleSignatureError, match=f"{unsigned_tags.bundle} is not signed"):
        load_bundle(unsigned_tags.bundle, policy)


def test_stored_pipeline_can_be_asked_all_that_it_answers(model_store: Path) -> None:
    """A regression its numbers, a classifier its probabilities as well."""
    classifier = Pipeline([("model", DummyClassifier())]).fit(np.zeros((2, 7)), ["a", "b"])
    for pipeline, methods in ((PIPELINE, {"predict"}), (classifier, {"predict", "predict_proba"})):
        tags = new_tags("orchard")
        save(tags, pipeline, contents(), provenance(tags), accept)
        assert set(bentoml.models.get(tags.pipeline).info.signatures) == methods


def test_more_labels_stand_beside_those_of_every_run(model_store: Path) -> None:
    """Both entries get them; none replaces the fingerprint."""
    tags = new_tags("orchard")
    extra_labels = {"imported": "skops", "fingerprint": "mine"}
    save(tags, PIPELINE, contents(), provenance(tags), accept, labels=extra_labels)
    for tag in (tags.bundle, tags.pipeline):
        labels = bentoml.models.get(tag).info.labels
        assert (labels["imported"], labels["fingerprint"]) == ("skops", "f" * 64)


def test_bundle_holds_no_pickle(model_store: Path) -> None:
    """A bundle consists of JSON, text and a graph."""
    tags = new_tags("orchard")
    folder = save(tags, PIPELINE, contents(), provenance(tags), accept).path
    assert {path.suffix for path in folder.iterdir()} == {".onnx", ".json", ".md", ".yaml"}


def test_fingerprint_finds_the_newest_bundle_of_its_model(model_store: Path) -> None:
    """Of several with the same fingerprint the last is taken; another fingerprint and an unknown model give None."""
    assert find_by_fingerprint("orchard", "f" * 64) is None
    first, second, third = (new_tags("orchard") for _ in range(3))
    for tags, mark in ((first, "f"), (second, "f"), (third, "e")):
        save(tags, PIPELINE, contents(), provenance(tags, mark * 64), accept)
    assert find_by_fingerprint("orchard", "f" * 64) == second.bundle
    assert find_by_fingerprint("orchard", "e" * 64) == third.bundle
    assert find_by_fingerprint("orchard", "d" * 64) is None
    assert find_by_fingerprint("orchard-pipeline", "f" * 64) is None


def test_damaged_store_finds_nothing(model_store: Path) -> None:
    """An entry without BentoML's description does not stop a run: the model is trained again."""
    tags = new_tags("orchard")
    folder = save(tags, PIPELINE, contents(), provenance(tags), accept).path
    (folder / "model.yaml").unlink()
    assert find_by_fingerprint("orchard", "f" * 64) is None


@pytest.mark.parametrize("error", [SaveError("differs"), KeyboardInterrupt()])
def test_failed_check_leaves_nothing(model_store: Path, error: BaseException) -> None:
    """When the stored bundle is refused, or somebody interrupts, neither bundle nor pipeline remains."""

    def refuse(bundle: Bundle) -> None:
        assert len(stored_tags()) == 2
        raise error

    tags = new_tags("orchard")
    with pytest.raises(type(error)):
        save(tags, PIPELINE, contents(), provenance(tags), refuse)
    assert stored_tags() == []


def test_failure_half_way_leaves_nothing(model_store: Path) -> None:
    """A bundle that cannot be written takes the pipeline with it, which was stored first."""
    tags = new_tags("orchard")
    with pytest.raises(ValueError, match="JSON compliant"):
        save(tags, PIPELINE, dataclasses.replace(contents(), metrics={"r2": math.nan}), provenance(tags), accept)
    assert stored_tags() == []


def test_failure_keeps_earlier_bundles(model_store: Path) -> None:
    """A run that fails does not touch what was there, and the latest stays the latest."""
    good, bad = new_tags("orchard"), new_tags("orchard")
    save(good, PIPELINE, contents(), provenance(good), accept)

    def spoil(bundle: Bundle) -> None:
        raise BundleIntegrityError("spoilt")

    with pytest.raises(BundleIntegrityError):
        save(bad, PIPELINE, contents(), provenance(bad), spoil)
    assert sorted(stored_tags()) == sorted([good.bundle, good.pipeline])
    assert load_bundle("orchard").tag == good.bundle


def test_store_that_cannot_be_written_is_explained(model_store: Path) -> None:
    """If a file blocks the store's folder, the error names the setting of the store."""
    tags = new_tags("orchard")
    (model_store / "models").mkdir(parents=True)
    (model_store / "models" / "orchard").write_text("in the way")
    with pytest.raises(SaveError, match=r"could not be stored[\s\S]*BENTOML_HOME"):
        save(tags, PIPELINE, contents(), provenance(tags), accept)
    assert not list((model_store / "models").glob("orchard-pipeline/*/*"))


def test_same_tag_is_not_overwritten(model_store: Path) -> None:
    """A version is stored once; the second attempt fails and leaves the first as it was."""
    tags = new_tags("orchard")
    save(tags, PIPELINE, contents(), provenance(tags), accept)
    with pytest.raises(SaveError, match="already"):
        save(tags, PIPELINE, contents(), provenance(tags), accept)
    assert sorted(stored_tags()) == sorted([tags.bundle, tags.pipeline])


def test_damaged_entry_is_not_overwritten(model_store: Path) -> None:
    """What lies under the tag is not touched, even if BentoML cannot read it."""
    tags = new_tags("orchard")
    folder = save(tags, PIPELINE, contents(), provenance(tags), accept).path
    (folder / "model.yaml").unlink()
    with pytest.raises(SaveError, match="already"):
        save(tags, PIPELINE, contents(), provenance(tags), accept)
    assert (folder / "model.onnx").is_file()


def test_removing_what_is_not_there_is_no_error(model_store: Path) -> None:
    """Undoing may find nothing to undo."""
    remove("orchard:1")


def test_longest_name_fits_the_store(model_store: Path) -> None:
    """A name of the largest length that a contract takes is still a tag with `-pipeline` behind it."""
    name = "a" * 54
    contract = orchard_contract().model_copy(update={"name": name})
    tags = new_tags(name)
    saved = save(tags, PIPELINE, dataclasses.replace(contents(), contract=contract), provenance(tags), accept)
    assert saved.name == name


def test_files_are_json_for_every_reader(model_store: Path) -> None:
    """Examples keep their types and their letters."""
    tags = new_tags("orchard")
    folder = save(tags, PIPELINE, contents(), provenance(tags), accept).path
    assert json.loads((folder / "examples.json").read_text(encoding="utf-8")) == [TREE]
