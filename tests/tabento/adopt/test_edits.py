"""An edited config: it wins over what would be inferred, as long as it fits the pipeline and the sample."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tabento.adopt.errors import AdoptionError
from tabento.bundle.store import load_bundle
from tabento.tables.faults import DataError
from tests.conftest import bentoml_home
from tests.tabento.adopt.makers import boats, save_joblib, write_csv
from training.config import ConfigError
from training.config.settings import TrainingSettings
from training.errors import GateError
from training.progress import silence
from training.stages.adoption.request import ImportResult, Request
from training.stages.adoption.run import adopt

SETTINGS = TrainingSettings(latency_budget_s=0.02)


def run(request: Request) -> ImportResult:
    """Import without output."""
    return adopt(request, SETTINGS, silence())


@pytest.fixture(scope="module")
def import_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline, its sample and the config that an import of them wrote."""
    folder = tmp_path_factory.mktemp("imported")
    frame = write_csv(boats(120), folder / "rows.csv")
    columns = make_column_transformer(
        (SimpleImputer(), ["engine hours"]), (OneHotEncoder(handle_unknown="ignore"), ["hull"]), remainder="passthrough"
    )
    pipeline = make_pipeline(columns, Ridge()).fit(frame.drop(columns="price"), frame["price"])
    save_joblib(pipeline, folder / "model.joblib")
    with bentoml_home(folder / "bentoml"):
        assert run(_request(folder)).config_is_new
    return folder


@pytest.fixture
def repeated_request(import_folder: Path, tmp_path: Path) -> Iterator[Request]:
    """A request for the same import, in a folder and a store of one test."""
    shutil.copytree(import_folder, tmp_path / "copy", ignore=shutil.ignore_patterns("bentoml"))
    with bentoml_home(tmp_path / "bentoml"):
        yield _request(tmp_path / "copy")


def _request(folder: Path) -> Request:
    return Request(
        pipeline=folder / "model.joblib",
        sample=folder / "rows.csv",
        config=folder / "model.yaml",
        target="price",
        trust_pickle=True,
    )


def read_config(request: Request) -> dict[str, Any]:
    """Return the config in its file."""
    config: dict[str, Any] = yaml.safe_load(request.config.read_text(encoding="utf-8"))
    return config


def test_config_is_written_once_and_then_read(repeated_request: Request) -> None:
    """Edited values replace inferred values, and the file is not changed."""
    edited = read_config(repeated_request)
    edited["title"] = "Boats"
    edited["output"]["unit"] = "euro"
    edited["features"][0].update(maximum=40, unit="m")
    edited["features"] = edited["features"][::-1]
    text = yaml.safe_dump(edited, allow_unicode=True)
    repeated_request.config.write_text(text, encoding="utf-8")
    result = run(dataclasses.replace(repeated_request, p99_ms=3.0))
    assert not result.config_is_new
    assert repeated_request.config.read_text(encoding="utf-8") == text
    contract = load_bundle(result.tags.bundle).contract
    assert (contract.title, contract.output.unit, contract.features[0].maximum) == ("Boats", "euro", 40)
    assert contract.features[0].name == "length"
    assert any("--p99-ms 3.0 was not used" in remark for remark in result.remarks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config["features"].pop(), "features: 'engine hours' is missing"),
        (lambda config: config["features"].append({"name": "keel", "type": "number"}), "'keel' is not a column"),
        (lambda config: config["features"][0].update(maximum=5), "between 0 and 5"),
        (lambda config: config["features"][1].update(nullable=True), "berths: nullable: null cannot be answered"),
        (lambda config: config["features"][2].update(type="number"), "sails: expected a number"),
        (
            lambda config: config["output"].update(classes=["a", "b"], unit=None),
            "output.classes: the pipeline has none",
        ),
        (lambda config: config.update(colour="red"), "colour: unknown key"),
        (lambda config: config.update(name="Boats!"), "name: got 'Boats!'"),
    ],
)
def test_edits_that_do_not_fit_are_refused(change: Any, message: str, repeated_request: Request) -> None:
    """The error names the key of an edit that does not fit, before the export."""
    config = read_config(repeated_request)
    change(config)
    repeated_request.config.write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises((AdoptionError, ConfigError, DataError)) as error:
        run(repeated_request)
    assert message in str(error.value)


def test_limit_that_is_missed_stores_nothing(repeated_request: Request) -> None:
    """The gate of the config decides; an error of it leaves the store as it was."""
    config = read_config(repeated_request)
    config["gate"]["metrics"] = {"r2": {"at_least": 0.999}}
    repeated_request.config.write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises(GateError, match=r"metrics\.r2"):
        run(repeated_request)
    with pytest.raises(AdoptionError, match=r"gate\.metrics\.r2 cannot be measured, for no true answers were given"):
        run(dataclasses.replace(repeated_request, sample=_without_target(repeated_request.sample), target=None))
    assert bentoml.models.list() == []


def _without_target(sample: Path) -> Path:
    path = sample.with_name("features.csv")
    boats(120).drop(columns="price").to_csv(path, index=False)
    return path
