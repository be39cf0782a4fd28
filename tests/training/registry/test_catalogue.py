"""The catalogue: finding versions, and fetching their bundles."""

from __future__ import annotations

from pathlib import Path

import bentoml.models
import pytest

from tabento.bundle.errors import BundleIntegrityError
from tabento.bundle.store import load_bundle
from tabento.errors import SaveError
from tabento.packaging.save import is_stored
from tests.bundles import classifier_contract
from tests.training.mlflows import register, store_bundle
from training.config.settings import TrainingSettings
from training.registry import Registry, RegistryError


def test_models_and_versions_are_listed(registry: Registry) -> None:
    """Names are sorted; what something else registered is no version of ours."""
    register(registry, store_bundle())
    register(registry, store_bundle(classifier_contract()))
    registry._connection().call("make", lambda client: client.create_registered_model("alien"))
    registry._connection().call("make", lambda client: client.create_model_version("alien", "runs:/x/y"))
    assert registry.names() == ["alien", "harvest", "orchard"]
    assert registry.versions("alien") == []
    with pytest.raises(RegistryError, match="registered by another program"):
        registry.version("alien", 1)


def test_best_knows_which_way_is_better(registry: Registry) -> None:
    """Low errors and high shares win; of equal ones the newest; an unknown metric is told with those there are."""
    for rmse, r2 in ((3.0, 0.7), (2.0, 0.6), (2.0, 0.5)):
        register(registry, store_bundle(), rmse=rmse, r2=r2)
    assert registry.best_version("orchard", "rmse").number == 3
    assert registry.best_version("orchard", "r2").number == 1
    with pytest.raises(RegistryError, match="'mape'; there are r2, rmse"):
        registry.best_version("orchard", "mape")


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        ("orchard@champion", 1),
        ("orchard", 1),
        ("orchard/production", 1),
        ("models:/orchard/Production", 1),
        ("orchard@challenger", 2),
        ("orchard/staging", 2),
        ("models:/orchard/2", 2),
    ],
)
def test_names_resolve(registry: Registry, reference: str, number: int) -> None:
    """A deployment asks by alias, stage or number, never by run."""
    register(registry, store_bundle())
    registry.promote("orchard", 1, reason="first")
    register(registry, store_bundle())
    assert registry.resolve(reference).number == number


def test_what_does_not_resolve_says_what_there_is(registry: Registry) -> None:
    """The message names aliases and the way to a champion."""
    register(registry, store_bundle())
    with pytest.raises(RegistryError, match=r"no champion; its aliases: challenger.*promote orchard NUMBER"):
        registry.resolve("orchard@champion")
    with pytest.raises(RegistryError, match="no model 'pears'"):
        registry.resolve("pears@champion")


def test_bundle_that_is_not_here_is_fetched_and_verified(registry: Registry) -> None:
    """Another machine gets the very files, with the labels by which training finds them again."""
    tag = store_bundle()
    before = load_bundle(tag)
    files = {path.name: path.read_bytes() for path in before.path.iterdir() if path.name != "model.yaml"}
    register(registry, tag)
    bentoml.models.delete(tag)
    assert registry.ensure_local(tag) == tag
    after = load_bundle(tag)
    assert {path.name: path.read_bytes() for path in after.path.iterdir() if path.name != "model.yaml"} == files
    labels = bentoml.models.get(tag).info.labels
    assert labels == {"fingerprint": "f" * 64, "data": "synthetic"}
    assert registry.ensure_local(tag) == tag


def test_files_that_were_changed_in_the_registry_are_refused(registry: Registry, settings: TrainingSettings) -> None:
    """A bundle that does not verify never reaches the store."""
    tag = store_bundle()
    register(registry, tag)
    bentoml.models.delete(tag)
    (model,) = (settings.registry_folder / "mlflow-artifacts").rglob("model.onnx")
    model.write_bytes(model.read_bytes() + b"x")
    with pytest.raises(BundleIntegrityError, match=r"model\.onnx"):
        registry.ensure_local(tag)
    assert not is_stored(tag)


def test_another_bundle_under_the_same_tag_is_refused(registry: Registry) -> None:
    """The manifest's checksum stands in the registry: a store that was tampered with as a whole is noticed."""
    tag = store_bundle()
    register(registry, tag)
    folder = load_bundle(tag).path
    manifest = folder / "MANIFEST.json"
    manifest.write_text(manifest.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(RegistryError, match="not the bundle that was registered as orchard/1"):
        registry.ensure_local(tag)


def test_damaged_entry_of_the_store_is_told(registry: Registry) -> None:
    """An entry that BentoML cannot read is not written over; the message says how to remove it."""
    tag = store_bundle()
    register(registry, tag)
    (load_bundle(tag).path / "model.yaml").unlink()
    with pytest.raises(SaveError, match=f"bentoml models delete {tag}"):
        registry.ensure_local(tag)


def test_what_was_never_registered_cannot_be_fetched(registry: Registry) -> None:
    """The message points at the list."""
    register(registry, store_bundle())
    with pytest.raises(RegistryError, match="orchard:none is not registered"):
        registry.ensure_local("orchard:none")
    assert registry.find("pears:1") is None


def test_parameters_come_from_the_run(registry: Registry, tmp_path: Path) -> None:
    """A run that is gone has none."""
    version = register(registry, store_bundle())
    registry._connection().call("log", lambda client: client.log_param(str(version.run_id), "estimator.kind", "ridge"))
    assert registry.params(version) == {"estimator.kind": "ridge"}
