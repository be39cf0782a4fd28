"""An import of pipelines with functions and classes of a user's own, which live in a module of theirs."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tabento.adopt.errors import AdoptionError
from tabento.export import ExportError
from tests.conftest import bentoml_home
from tests.tabento.adopt.makers import save_joblib, save_skops, stones, write_csv
from training.config.settings import TrainingSettings
from training.progress import silence
from training.stages.adoption.request import ImportResult, Request
from training.stages.adoption.run import adopt

SETTINGS = TrainingSettings(latency_budget_s=0.05)
MODULE = '''
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.preprocessing import StandardScaler


def with_volume(frame):
    return frame.assign(volume=frame["mass"] / frame["density"])


class Centre(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.feature_names_in_ = X.columns.to_numpy()
        self.medians_ = np.median(np.asarray(X), axis=0)
        return self

    def transform(self, X):
        return np.asarray(X) - self.medians_

    def write_graph(self, writer, columns):
        medians = writer.constant(self.medians_[np.newaxis], "medians")
        return writer.numbers(writer.node("Sub", [columns.name, medians], "centred"), columns.width)


class Halves(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.feature_names_in_ = X.columns.to_numpy()
        return self

    def transform(self, X):
        return X[["mass"]] / 2


class Mine(StandardScaler):
    """A scaler with another name."""


class FirstColumn(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0] + self.mean_

    def write_graph(self, writer, columns):
        return writer.node("Add", [writer.pick(columns, [0]).name, writer.constant(np.full((1, 1), self.mean_))], "sum")
'''


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> Iterator[None]:
    """A model store for each test."""
    with bentoml_home(tmp_path / "bentoml"):
        yield


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of somebody's own, importable as it would be with PYTHONPATH."""
    (tmp_path / "geo_steps.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("geo_steps")
    del sys.modules["geo_steps"]


def _import(folder: Path, pipeline: Any, save: Any = save_joblib, **options: Any) -> ImportResult:
    frame = write_csv(stones().drop(columns=["veins", "kind"]), folder / "rows.csv")
    path = save(pipeline.fit(frame, frame["mass"].abs() ** 0.5), folder / "model.file")
    options.setdefault("trust_pickle", save is save_joblib)
    request = Request(pipeline=path, sample=folder / "rows.csv", config=folder / "model.yaml", **options)
    return adopt(request, SETTINGS, silence())


@pytest.mark.parametrize("save", [save_joblib, save_skops])
def test_function_is_traced_if_it_is_named(tmp_path: Path, steps: Any, save: Any) -> None:
    """Without its name the refusal says what to add; with it the proof is that of any pipeline, and the card tells it."""
    pipeline = make_pipeline(FunctionTransformer(steps.with_volume), Ridge())
    with pytest.raises((ExportError, AdoptionError), match=r"geo_steps\.with_volume"):
        _import(tmp_path, pipeline, save)
    result = _import(tmp_path, pipeline, save, trust_functions=("geo_steps.with_volume", "geo_steps.other"))
    assert result.parity.worst_relative < 1e-12
    assert "run to see what they compute, because you said so: geo_steps.with_volume" in result.remarks
    assert any(remark.startswith("--trust-function geo_steps.other was not needed") for remark in result.remarks)


@pytest.mark.parametrize("save", [save_joblib, save_skops])
def test_classes_write_themselves(tmp_path: Path, steps: Any, save: Any) -> None:
    """A transformer and a regressor with `write_graph`, from a pickle or, named as types, from a skops file."""
    trust = ("geo_steps.Centre", "geo_steps.FirstColumn") if save is save_skops else ()
    result = _import(tmp_path, make_pipeline(steps.Centre(), steps.FirstColumn()), save, trust=trust)
    assert result.parity.worst_relative == 0


def test_trusted_class_and_renamed_class(tmp_path: Path, steps: Any) -> None:
    """A class without the method is traced if it is named; one that only has another name needs nothing."""
    pipeline = make_pipeline(steps.Halves(), steps.Mine(), Ridge())
    with pytest.raises(ExportError, match=r"Halves.*`write_graph`.*--trust-function geo_steps\.Halves"):
        _import(tmp_path, pipeline)
    assert _import(tmp_path, pipeline, trust_functions=("geo_steps.Halves",)).parity.worst_relative < 1e-12


def test_lambda_is_refused_in_words(tmp_path: Path, steps: Any) -> None:
    """The stored pipeline could not be read again, so a function needs a name in a module."""
    cloudpickle = importlib.import_module("cloudpickle")

    def save(pipeline: Any, path: Path) -> Path:
        path.write_bytes(cloudpickle.dumps(pipeline))
        return path

    pipeline = make_pipeline(FunctionTransformer(eval("lambda df: df * 2", {"__name__": "notebook"})), Ridge())  # noqa: S307 - code of the test
    with pytest.raises(ExportError, match=r"function notebook\.<lambda>.*a function that has a name in a module"):
        _import(tmp_path, pipeline, save, trust_pickle=True)
    with pytest.raises(AdoptionError, match=r"--trust-function 'notebook\.<lambda>': such a function has no name"):
        _import(tmp_path, pipeline, save, trust_pickle=True, trust_functions=("notebook.<lambda>",))


def test_frames_are_what_the_function_gets(tmp_path: Path) -> None:
    """The rows come as a frame from the service, too: a function that wants an array is refused by its line."""
    with pytest.raises((ExportError, AdoptionError), match="test_own_code"):
        _import(
            tmp_path,
            make_pipeline(FunctionTransformer(_of_arrays), Ridge()),
            trust_functions=(f"{__name__}._of_arrays",),
        )


def _of_arrays(X: pd.DataFrame) -> Any:
    if isinstance(X, pd.DataFrame) and len(X.columns) > 1 and np.asarray(X)[0, 0] > 0:
        return X
    return X
