"""Baselines that answer the same whatever they are asked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor

from training.export.pen import Pen
from training.export.registry import classifier, regressor, safe_in_single
from training.export.values import Columns, Scores

safe_in_single(DummyRegressor, DummyClassifier)


def repeated(pen: Pen, columns: Columns, row: NDArray[np.float64]) -> str:
    """Return one row as often as there are rows, shape (N, width)."""
    rows = pen.node("Shape", [columns.name], "rows", start=0, end=1)
    width = pen.constant(np.array([len(row)], dtype=np.int64), "width")
    shape = pen.node("Concat", [rows, width], "shape", axis=0)
    return pen.node("Expand", [pen.constant(row[np.newaxis].astype(np.float64), "answer"), shape])


@regressor(DummyRegressor)
def dummy_regressor(pen: Pen, model: DummyRegressor, columns: Columns) -> str:
    """The constant that was learned or given, per target."""
    return repeated(pen, columns, np.asarray(model.constant_, dtype=np.float64).reshape(-1))


@classifier(DummyClassifier)
def dummy_classifier(pen: Pen, model: DummyClassifier, columns: Columns) -> Scores:
    """The most frequent class, or the one that was given."""
    if model.n_outputs_ != 1:
        raise pen.refusal("it gives several labels a row", "one classifier per label")
    chance, place = _chances(pen, model)
    return Scores(repeated(pen, columns, np.array([float(place)])), repeated(pen, columns, chance))


def _chances(pen: Pen, model: Any) -> tuple[NDArray[np.float64], int]:
    """Return the probabilities, shape (C,), and the index of the label."""
    prior = np.asarray(model.class_prior_, dtype=np.float64)
    strategy = model._strategy
    if strategy in ("prior", "most_frequent"):
        place = int(prior.argmax())
        return prior if strategy == "prior" else np.eye(len(prior))[place], place
    if strategy == "constant":
        place = int(np.flatnonzero(np.asarray(model.classes_) == np.asarray(model.constant).item())[0])
        return np.eye(len(prior))[place], place
    raise pen.refusal(f"strategy={strategy!r} answers by chance", "strategy='prior', 'most_frequent' or 'constant'")
