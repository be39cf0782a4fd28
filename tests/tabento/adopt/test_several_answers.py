"""Imports of pipelines that give several answers to a row, from the file to the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tabento.adopt.errors import AdoptionError
from tabento.bundle.contract import Contract, Feature, Output, OutputTarget
from tabento.bundle.store import load_bundle
from tests.conftest import bentoml_home
from tests.tabento.adopt.bundle_server import as_json, serve
from tests.tabento.adopt.makers import save_joblib, write_csv
from training.config.settings import TrainingSettings
from training.progress import silence
from training.stages.adoption.card import figure_rows
from training.stages.adoption.figures import sample_metrics
from training.stages.adoption.request import ImportResult, Request
from training.stages.adoption.run import adopt

SETTINGS = TrainingSettings(latency_budget_s=0.02)
ROWS = 80


def jobs() -> pd.DataFrame:
    """Jobs with what they cost and how long they took."""
    generator = np.random.default_rng(4)
    size, crew = generator.integers(1, 40, ROWS), generator.choice(["north", "south"], ROWS)
    hours = size / 4 + generator.normal(0, 1, ROWS) ** 2
    return pd.DataFrame({"size": size, "crew": crew, "cost": hours * 31 + 80, "hours": hours}).round(3)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder with a store of its own."""
    with bentoml_home(tmp_path / "bentoml"):
        yield tmp_path


def _import(folder: Path, pipeline: Any, frame: pd.DataFrame, **options: Any) -> ImportResult:
    write_csv(frame, folder / "rows.csv")
    save_joblib(pipeline, folder / "jobs.joblib")
    request = Request(
        pipeline=folder / "jobs.joblib",
        sample=folder / "rows.csv",
        config=folder / "jobs.yaml",
        trust_pickle=True,
        **options,
    )
    return adopt(request, SETTINGS, silence())


def _numbers(frame: pd.DataFrame, answers: list[str]) -> Any:
    columns = make_column_transformer((OneHotEncoder(), ["crew"]), (StandardScaler(), ["size"]))
    return make_pipeline(columns, LinearRegression()).fit(frame[["size", "crew"]], frame[answers])


def test_several_numbers_are_imported_and_served(home: Path) -> None:
    """Each answer has its key, over HTTP too, for one row and for many; the figures are of each target."""
    frame = jobs()
    pipeline = _numbers(frame, ["cost", "hours"])
    result = _import(home, pipeline, frame, target=("cost", "hours"))
    contract = load_bundle(result.tags.bundle).contract
    assert contract.target_names == ("cost", "hours")
    assert {"rmse", "rmse of cost", "rmse of hours"} <= set(result.metrics)
    rows = as_json(frame[["size", "crew"]].iloc[:5])
    expected = pipeline.predict(frame[["size", "crew"]].iloc[:5])
    with serve(result.tags.bundle) as client:
        single = client.post("/predict", json=rows[0]).json()
        batch = client.post("/predict/batch", json={"instances": rows}).json()
        described = client.get("/model").json()
        schema = client.get("/docs.json").json()["components"]["schemas"]["Prediction"]["properties"]["prediction"]
    assert list(single["prediction"]) == ["cost", "hours"]
    assert single["prediction"] == batch["predictions"][0]
    np.testing.assert_allclose([list(answer.values()) for answer in batch["predictions"]], expected, rtol=1e-12)
    assert [target["name"] for target in described["contract"]["output"]["targets"]] == ["cost", "hours"]
    assert schema["required"] == ["cost", "hours"]


@pytest.mark.parametrize(
    "model",
    [
        MultiOutputClassifier(LogisticRegression()),
        RandomForestClassifier(4, max_depth=3, random_state=0),
        ClassifierChain(DecisionTreeClassifier(max_depth=3, random_state=0), order=[1, 0]),
    ],
)
def test_several_labels_are_imported_and_served(home: Path, model: Any) -> None:
    """Each label has classes of its own, answered in their type, and figures of its own."""
    frame = jobs()
    frame["late"] = (frame["hours"] > 6).astype(int)
    frame["price class"] = np.digitize(frame["cost"], [150, 300])
    columns = make_column_transformer((OneHotEncoder(), ["crew"]), (StandardScaler(), ["size"]))
    pipeline = make_pipeline(columns, model).fit(frame[["size", "crew"]], frame[["late", "price class"]])
    result = _import(home, pipeline, frame.drop(columns=["cost", "hours"]), target=("late", "price class"))
    bundle = load_bundle(result.tags.bundle)
    assert bundle.contract.output.label_sets == ((0, 1), (0, 1, 2))
    assert result.metrics["accuracy"] == min(result.metrics[f"accuracy of {name}"] for name in ("late", "price class"))
    assert "- `price class`: one of `0`, `1`, `2`" in bundle.card
    rows = frame[["size", "crew"]].iloc[:20]
    with serve(result.tags.bundle) as client:
        batch = client.post("/predict", json={"instances": as_json(rows)}).json()["predictions"]
    assert [list(answer.values()) for answer in batch] == pipeline.predict(rows).astype(int).tolist()
    assert all(type(value) is int for answer in batch for value in answer.values())


def test_indicators_are_imported_and_expected(home: Path) -> None:
    """A matrix of 0 and 1 has the labels 0 and 1 in each column; --expected finds a label that differs."""
    frame = jobs()
    flags = np.column_stack([frame["hours"] > 6, frame["cost"] > 200, frame["crew"] == "north"]).astype(int)
    columns = make_column_transformer((OneHotEncoder(), ["crew"]), (StandardScaler(), ["size"]))
    pipeline = make_pipeline(columns, OneVsRestClassifier(LogisticRegression())).fit(frame[["size", "crew"]], flags)
    names = ["output_1", "output_2", "output_3"]
    answers = pd.DataFrame(pipeline.predict(frame[["size", "crew"]]), columns=names)
    answers.to_csv(home / "there.csv", index=False)
    sample = frame[["size", "crew"]]
    result = _import(home, pipeline, sample, expected=home / "there.csv")
    assert load_bundle(result.tags.bundle).contract.output.label_sets == ((0, 1),) * 3
    answers.assign(output_2=1 - answers["output_2"]).to_csv(home / "there.csv", index=False)
    with pytest.raises(AdoptionError, match=r"80 of 80 rows differ(.|\n)*output_2: "):
        _import(home, pipeline, sample, expected=home / "there.csv")


@pytest.mark.parametrize(
    ("labels", "options", "error", "message"),
    [
        (["late"], {}, AdoptionError, r"one column of labels, and answers a table.*y\.ravel"),
        (["late", "same"], {}, AdoptionError, "at least two labels"),
        (["late", "late"], {"sklearn": "1.7.2"}, AdoptionError, "--sklearn compares one label a row"),
    ],
)
def test_labels_that_are_not_served_are_told(
    home: Path, labels: list[str], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """In words, before anything is stored."""
    frame = jobs().assign(same=1)
    frame["late"] = (frame["hours"] > 6).astype(int)
    model = MultiOutputClassifier(DecisionTreeClassifier(max_depth=2, random_state=0))
    pipeline = model.fit(frame[["size"]], frame[labels].to_numpy())
    with pytest.raises(error, match=message):
        _import(home, pipeline, frame[["size"]], **options)


def test_edited_names_and_limits_hold_for_each_target(home: Path) -> None:
    """Without a target the answers are numbered; a person names them, and a limit is kept by the worst of them."""
    frame = jobs()
    features = frame[["size"]]
    pipeline = DecisionTreeRegressor(max_depth=3, random_state=0).fit(features, frame[["cost", "hours"]])
    _import(home, pipeline, features)
    config = yaml.safe_load((home / "jobs.yaml").read_text(encoding="utf-8"))
    assert [target["name"] for target in config["output"]["targets"]] == ["output_1", "output_2"]
    config["output"]["targets"] = [{"name": "price", "unit": "EUR"}, {"name": "time", "unit": "h"}]
    config["gate"]["metrics"] = {"r2": {"at_least": 0.2}}
    (home / "jobs.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    result = _import(home, pipeline, frame, target=("cost", "hours"))
    bundle = load_bundle(result.tags.bundle)
    assert bundle.contract.target_names == ("price", "time")
    assert "- `price`: a number in EUR" in bundle.card
    assert isinstance(bundle.reference.prediction, dict)
    assert sorted(bundle.reference.prediction) == ["price", "time"]
    assert result.metrics["r2"] == min(result.metrics["r2 of price"], result.metrics["r2 of time"])


@pytest.mark.parametrize(
    ("answers", "target", "message"),
    [
        (["cost", "hours"], "cost", "--target names 1 column, and the pipeline gives 2 answers a row"),
        (["cost"], ("cost", "hours"), "--target names 2 columns, and the pipeline gives 1 answer a row. Give one"),
        (["cost", "hours"], ("cost", "days"), "--target 'days' is not a column"),
    ],
)
def test_targets_that_do_not_fit_are_told(home: Path, answers: list[str], target: Any, message: str) -> None:
    """There is one column of true answers for each answer of the pipeline."""
    frame = jobs()
    with pytest.raises(AdoptionError, match=message):
        _import(home, _numbers(frame, answers), frame, target=target)


def test_a_config_with_fewer_targets_is_refused(home: Path) -> None:
    """Which answers there are is the pipeline's, not the config's."""
    frame = jobs()
    pipeline = _numbers(frame, ["cost", "hours"])
    _import(home, pipeline, frame)
    config = yaml.safe_load((home / "jobs.yaml").read_text(encoding="utf-8"))
    config["output"] = {"name": "cost"}
    (home / "jobs.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises(AdoptionError, match=r"output.targets: the pipeline gives 2 answers a row; got 1"):
        _import(home, pipeline, frame)


def test_expected_answers_have_a_column_for_each_target(home: Path) -> None:
    """They are compared number by number, and a missing column is named."""
    frame = jobs()
    pipeline = _numbers(frame, ["cost", "hours"])
    answers = pd.DataFrame(pipeline.predict(frame[["size", "crew"]]), columns=["cost", "hours"])
    answers.to_csv(home / "there.csv", index=False)
    result = _import(home, pipeline, frame, target=("cost", "hours"), expected=home / "there.csv")
    assert any("equal the answers in there.csv" in remark for remark in result.remarks)
    answers.assign(hours=answers["hours"] + 1).to_csv(home / "there.csv", index=False)
    with pytest.raises(AdoptionError, match=r"80 of 80 rows differ(.|\n)*hours: "):
        _import(home, pipeline, frame, target=("cost", "hours"), expected=home / "there.csv")
    answers[["cost"]].to_csv(home / "there.csv", index=False)
    with pytest.raises(AdoptionError, match="'hours' is missing"):
        _import(home, pipeline, frame, target=("cost", "hours"), expected=home / "there.csv")


def test_figures_are_of_each_target() -> None:
    """The key alone is the worst of them; people are told those of each, with its unit."""
    output = Output(name="prediction", targets=(OutputTarget(name="cost", unit="EUR"), OutputTarget(name="hours")))
    contract = Contract(
        name="jobs",
        title="",
        description="",
        task="regression",
        features=(Feature(name="size", type="number"),),
        output=output,
    )
    truth = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 40.0]])
    metrics = sample_metrics(contract, truth, truth + np.array([1.0, 3.0]))
    assert (metrics["mae of cost"], metrics["mae of hours"], metrics["mae"]) == (1.0, 3.0, 3.0)
    assert metrics["r2"] == min(metrics["r2 of cost"], metrics["r2 of hours"])
    cells = dict(figure_rows(output, metrics))
    assert (cells["cost: MAE"], cells["hours: MAE"]) == ("1 EUR", "3")
    assert "MAE" not in cells
    assert json.dumps(metrics)
