"""Imports that end in a refusal because the service, or the version that fitted the pipeline, would answer otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.adopt.errors import AdoptionError
from tabento.bundle.store import load_bundle
from tests.conftest import bentoml_home
from tests.tabento.adopt.makers import count_rows, save_joblib, stones
from training.config.settings import TrainingSettings
from training.progress import silence
from training.stages.adoption.request import ImportResult, Request
from training.stages.adoption.run import adopt

SETTINGS = TrainingSettings(latency_budget_s=0.01)
FRAME = stones(60)
ROWS, KINDS = FRAME[["mass", "density"]], FRAME["kind"]


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> Iterator[None]:
    """A model store for each test."""
    with bentoml_home(tmp_path / "bentoml"):
        yield


def run(pipeline: Any, folder: Path, sample: pd.DataFrame, version: str | None = None, **options: Any) -> ImportResult:
    """Save a pipeline as a version of scikit-learn would have, and import it."""
    with pytest.MonkeyPatch.context() as patch:
        if version is not None:
            patch.setattr("sklearn.base.__version__", version)
        path = save_joblib(pipeline, folder / "model.joblib")
    sample.to_csv(folder / "rows.csv", index=False)
    request = Request(path, folder / "rows.csv", folder / "model.yaml", trust_pickle=True, **options)
    return adopt(request, SETTINGS, silence())


def regression() -> Any:
    """A pipeline whose answers no version changes."""
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, KINDS)


def answers_of(pipeline: Any, folder: Path) -> Path:
    """Write a pipeline's answers as docs/import.md shows it."""
    answers = pd.DataFrame(pipeline.predict_proba(ROWS), columns=pipeline.classes_)
    answers.insert(0, "prediction", pipeline.predict(ROWS))
    answers.to_csv(folder / "answers.csv", index=False)
    return folder / "answers.csv"


def old_forest() -> Any:
    """A forest as scikit-learn 1.3 has left it."""
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(3, max_depth=2, random_state=0)).fit(ROWS, KINDS)
    for tree in pipeline[-1].estimators_:
        count_rows(tree)
    return pipeline


def test_known_break_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """By name, with the version that fitted it, and with what proves the answers all the same."""
    pipeline = regression()
    pipeline[-1].multi_class = "ovr"
    with pytest.raises(AdoptionError, match=r"1\.3\.2[\s\S]*'logisticregression'[\s\S]*--expected answers\.csv"):
        run(pipeline, tmp_path, ROWS, "1.3.2")
    assert bentoml.models.list() == []
    assert not (tmp_path / "model.yaml").exists()


def test_answers_that_the_service_refuses_are_refused_whatever_was_expected(tmp_path: Path) -> None:
    """A number of rows is not a valid probability: a forest of 1.3 that was saved again names no old version."""
    forest = old_forest()
    with pytest.raises(AdoptionError, match=r"'randomforestclassifier'[\s\S]*numbers of rows"):
        run(forest, tmp_path, ROWS)
    with pytest.raises(AdoptionError, match=r"between 0 and 1[\s\S]*row 1 of rows\.csv[\s\S]*Change the pipeline"):
        run(forest, tmp_path, ROWS, expected=answers_of(forest, tmp_path))
    assert not (tmp_path / "model.yaml").exists()


def test_expected_answers_are_a_proof(tmp_path: Path) -> None:
    """A pipeline of another version is imported without the doubt, and its card names the comparison."""
    pipeline = regression()
    result = run(pipeline, tmp_path, ROWS, "1.6.1", expected=answers_of(pipeline, tmp_path))
    (proof,) = [remark for remark in result.remarks if "answers.csv" in remark]
    assert "all 60 rows" in proof
    assert not any("may differ" in remark for remark in result.remarks)
    assert proof in load_bundle(result.tags.bundle).card


def test_other_answers_than_expected_are_refused(tmp_path: Path) -> None:
    """Other answers are an error with the worst rows; nothing is stored or written."""
    pipeline = regression()
    path = answers_of(pipeline, tmp_path)
    pipeline[-1].coef_ *= 1.5
    with pytest.raises(
        AdoptionError, match=r"answers\.csv[\s\S]*scikit-learn 1\.6\.1[\s\S]*The worst:\n  row \d+: exp"
    ):
        run(pipeline, tmp_path, ROWS, "1.6.1", expected=path)
    assert bentoml.models.list() == []
    assert not (tmp_path / "model.yaml").exists()


def test_failing_step_of_another_version_names_the_version(tmp_path: Path) -> None:
    """The rows are not the reason for a missing attribute."""
    pipeline = regression()
    del pipeline[0].scale_
    with pytest.raises(AdoptionError, match=r"scale_[\s\S]*the version, not the rows"):
        run(pipeline, tmp_path, ROWS, "1.6.1")
    with pytest.raises(AdoptionError, match="Give rows as it was fitted on"):
        run(pipeline, tmp_path, ROWS)


def test_numbers_without_end_inside_the_ranges_are_refused(tmp_path: Path) -> None:
    """Each column's ends are answered alone, and both together overflow: the row is shown."""
    share = np.linspace(0, 1, 40)
    frame = pd.DataFrame({"a": 270 * share, "b": 270 * (1 - share)}).round(3)
    model = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp, check_inverse=False)
    # The sum is 270 on the sample. The model is fitted on points with other sums, so that both coefficients are 1. The ranges go
    # to 405: exp(405 + 270) is a double, exp(405 + 405) is none.
    points = pd.DataFrame({"a": [1.0, 2.0, 3.0, 1.0], "b": [1.0, 1.0, 2.0, 3.0]})
    model.fit(points, np.exp(points.sum(axis=1)))
    with pytest.raises(AdoptionError, match=r'must be finite[\s\S]*\{"a": .*"b": [\s\S]*Narrow the ranges'):
        run(model, tmp_path, frame)
    assert bentoml.models.list() == []


def test_sample_whose_values_cannot_be_combined_is_told(tmp_path: Path) -> None:
    """No config is there yet, so none is to be edited."""
    share = np.linspace(0, 1, 40)
    frame = pd.DataFrame({"a": 400 * share, "b": 400 * (1 - share)}).round(3)
    model = TransformedTargetRegressor(LinearRegression(), func=np.log, inverse_func=np.exp, check_inverse=False)
    points = pd.DataFrame({"a": [1.0, 2.0, 3.0, 1.0], "b": [1.0, 1.0, 2.0, 3.0]})
    model.fit(points, np.exp(points.sum(axis=1)))
    with pytest.raises(AdoptionError, match=r"a: maximum \(it answers inf[\s\S]*Change the pipeline") as error:
        run(model, tmp_path, frame)
    assert "lower it" not in str(error.value)
    assert not (tmp_path / "model.yaml").exists()


def test_array_gets_its_names_from_the_sample(tmp_path: Path) -> None:
    """In the order of the file, without the target; a remark names the columns, and the stored bundle has these names."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS.to_numpy(), KINDS)
    sample = FRAME[["mass", "kind", "density"]]
    result = run(pipeline, tmp_path, sample, target="kind", columns_from_sample=True)
    assert [feature.name for feature in result.config.features] == ["mass", "density"]
    assert any("named as in rows.csv, by their order: 'mass', 'density'" in remark for remark in result.remarks)
    assert result.metrics["accuracy"] > 0.5


def test_columns_beyond_the_pipelines_are_left_out(tmp_path: Path) -> None:
    """And told at the end."""
    result = run(regression(), tmp_path, FRAME, columns_from_sample=True)
    assert [feature.name for feature in result.config.features] == ["mass", "density"]
    assert any("'veins', 'kind'" in remark for remark in result.remarks)
    assert any("--columns-from-sample was not needed" in remark for remark in result.remarks)


def test_sample_with_a_wrong_answer_leaves_no_config(tmp_path: Path) -> None:
    """What has to be given again is not written down before."""
    from tabento.tables.faults import DataError

    sample = ROWS.assign(kind=KINDS.astype(object))
    sample.loc[3, "kind"] = "granite"
    with pytest.raises(DataError, match="granite"):
        run(regression(), tmp_path, sample, target="kind")
    assert not (tmp_path / "model.yaml").exists()
