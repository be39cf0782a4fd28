"""Writes DummyRegressor and DummyClassifier of sklearn.dummy: the same answer for every row.

Digits: constants of the fitted model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor

from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, regressor, same_in_float32

same_in_float32(DummyRegressor, DummyClassifier)


def repeat_row(writer: GraphWriter, columns: Columns, row: NDArray[np.float64]) -> str:
    """Return one row repeated for every row of the input, shape (N, width)."""
    rows = writer.node("Shape", [columns.name], "rows", start=0, end=1)
    width = writer.constant(np.array([len(row)], dtype=np.int64), "width")
    shape = writer.node("Concat", [rows, width], "shape", axis=0)
    return writer.node("Expand", [writer.constant(row[np.newaxis].astype(np.float64), "answer"), shape])


@regressor(DummyRegressor)
def dummy_regressor(writer: GraphWriter, model: DummyRegressor, columns: Columns) -> str:
    """Write the learned or configured constant of each target."""
    return repeat_row(writer, columns, np.asarray(model.constant_, dtype=np.float64).reshape(-1))


@classifier(DummyClassifier)
def dummy_classifier(writer: GraphWriter, model: DummyClassifier, columns: Columns) -> Scores:
    """Write the most frequent class, or the configured one."""
    if model.n_outputs_ != 1:
        raise writer.refusal("it gives several labels a row", "one classifier per label")
    chance, place = _chances(writer, model)
    return Scores(repeat_row(writer, columns, np.array([float(place)])), repeat_row(writer, columns, chance))


def _chances(writer: GraphWriter, model: Any) -> tuple[NDArray[np.float64], int]:
    """Return the probabilities, shape (C,), and the index of the label."""
    prior = np.asarray(model.class_prior_, dtype=np.float64)
    strategy = model._strategy
    if strategy in ("prior", "most_frequent"):
        place = int(prior.argmax())
        return prior if strategy == "prior" else np.eye(len(prior))[place], place
    if strategy == "constant":
        place = int(np.flatnonzero(np.asarray(model.classes_) == np.asarray(model.constant).item())[0])
        return np.eye(len(prior))[place], place
    raise writer.refusal(f"strategy={strategy!r} answers by chance", "strategy='prior', 'most_frequent' or 'constant'")
