"""Isolation forests: labels -1 and 1 on every row that the proof generates."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tabento.export import ExportError, export_pipeline
from tabento.tables.frames import to_frame
from tests.tabento.export.outlier_rows import ROWS, outlier_contract, prove_detector

GENERATOR = np.random.default_rng(8)


@pytest.mark.parametrize(
    "model",
    [
        IsolationForest(n_estimators=12, random_state=1),
        IsolationForest(n_estimators=12, random_state=1, contamination=0.1),
        IsolationForest(n_estimators=12, random_state=1, max_features=0.5, contamination=0.5),
        IsolationForest(n_estimators=12, random_state=1, max_samples=2),
        IsolationForest(n_estimators=3, random_state=1, max_samples=1),
        IsolationForest(n_estimators=12, random_state=1, max_samples=0.9, bootstrap=True),
    ],
    ids=str,
)
def test_isolation_forest(model: IsolationForest) -> None:
    """Each tree reaches the same leaf and the label is the same, for any share of outliers."""
    report = prove_detector(model)
    assert report.other_branches == 0
    assert report.trees == len(model.estimators_)
    assert report.undecided == 0


def test_isolation_forest_with_missing_values() -> None:
    """A missing value takes the side that the tree has learned."""
    holes = np.where(GENERATOR.random(ROWS.shape) < 0.1, np.nan, ROWS)
    report = prove_detector(
        IsolationForest(n_estimators=12, random_state=1, contamination=0.1), nullable=True, rows=holes
    )
    assert report.other_branches == 0


def test_isolation_forest_with_missing_values_in_sparse_rows() -> None:
    """In sparse rows a missing value takes the other side of every split, as in scikit-learn."""
    holes = np.where(GENERATOR.random(ROWS.shape) < 0.1, np.nan, ROWS)
    columns = make_column_transformer(
        (StandardScaler(with_mean=False), ["a", "b"]),
        (OneHotEncoder(handle_unknown="ignore"), ["c"]),
        sparse_threshold=1.0,
    )
    model = make_pipeline(columns, IsolationForest(n_estimators=12, random_state=1, contamination=0.1))
    assert prove_detector(model, nullable=True, rows=holes).other_branches == 0


def test_isolation_forest_behind_a_scaler() -> None:
    """Thresholds are folded through the scaler."""
    assert (
        prove_detector(make_pipeline(StandardScaler(), IsolationForest(n_estimators=12, random_state=1))).other_branches
        == 0
    )


def test_probabilities_are_refused() -> None:
    """A contract with probabilities is refused, because an outlier detector has none."""
    contract = outlier_contract(probabilities=True)
    model = IsolationForest(n_estimators=3, random_state=1).fit(to_frame(ROWS, contract))
    with pytest.raises(ExportError, match="gives no probabilities"):
        export_pipeline(model, contract)
