"""Pipelines whose first step returns a sparse matrix: a one-hot encoder of many categories next to two numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tabento.bundle.contract import Contract, Feature, Output
from tabento.export import export_pipeline, serialise
from tabento.parity import ParityReport, check_parity
from tabento.tables.frames import to_frame

TOWNS = tuple(f"town {number}" for number in range(30))


def sparse_contract(low: float = -5.0, high: float = 5.0, classes: tuple[int, ...] | None = None) -> Contract:
    """Return two numbers of a range and a category of many values."""
    return Contract(
        name="sparse",
        title="Sparse",
        description="",
        task="regression" if classes is None else "classification",
        features=(
            Feature(name="a", type="number", minimum=low, maximum=high),
            Feature(name="b", type="number", minimum=low, maximum=high),
            Feature(name="town", type="category", categories=TOWNS, unknown="ignore"),
        ),
        output=Output(name="y", classes=classes),
    )


def rows(low: float = -5.0, high: float = 5.0) -> NDArray[np.float64]:
    """Return 150 packed rows. A fifth of the second numbers are 0 if the range contains 0."""
    generator = np.random.default_rng(4)
    size = max(abs(low), abs(high)) / 5
    numbers = np.clip(size * generator.integers(-2, 3, (150, 2)), low, high)
    numbers[:, 0] += size * generator.random(150) / 2
    return np.column_stack([numbers, generator.integers(0, len(TOWNS), 150)]).astype(np.float64)


def front(numbers: Any = "passthrough") -> ColumnTransformer:
    """Return the step that gives a sparse matrix."""
    towns = ("towns", OneHotEncoder(handle_unknown="ignore"), ["town"])
    return ColumnTransformer([towns, ("numbers", numbers, ["a", "b"])])


def target(frame: pd.DataFrame, *, labels: bool = False) -> NDArray[Any]:
    """Return targets: numbers, or whether they are above their median."""
    towns = frame["town"].str.len().to_numpy() + (frame["town"] == TOWNS[3]).to_numpy() * 4.0
    size = float(np.abs(frame["a"]).max())
    numbers: NDArray[np.float64] = np.asarray(frame["a"].to_numpy() / size + towns + (frame["b"].to_numpy() == 0))
    return (numbers > np.median(numbers)).astype(int) if labels else numbers


def prove_pipeline(*steps: Any, low: float = -5.0, high: float = 5.0) -> ParityReport:
    """Fit a pipeline of steps after ``front()``, export it and prove it."""
    labels = is_classifier(steps[-1])
    row_contract = sparse_contract(low, high, (0, 1) if labels else None)
    frame = to_frame(rows(low, high), row_contract)
    pipeline = make_pipeline(front(), *steps).fit(frame, target(frame, labels=labels))
    assert sparse.issparse(pipeline[0].transform(frame))
    return check_parity(
        pipeline, serialise(export_pipeline(pipeline, row_contract)), row_contract, frame, max_rows=1000
    )


def fit_pipeline(*steps: Any, low: float = -5.0, high: float = 5.0) -> tuple[Pipeline, Contract]:
    """Return a fitted pipeline of steps after ``front()`` and its contract."""
    row_contract = sparse_contract(low, high)
    frame = to_frame(rows(low, high), row_contract)
    return make_pipeline(front(), *steps).fit(frame, target(frame)), row_contract
