"""Outlier detectors: -1 and 1 on every row that the proof can think of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import SGDOneClassSVM
from sklearn.metrics.pairwise import linear_kernel
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import OneClassSVM

from bundle.contract import Contract, Feature, Output
from training.export import ExportError, export_pipeline, serialise
from training.frames import to_frame
from training.parity import check_parity
from training.parity.report import ParityReport

GENERATOR = np.random.default_rng(7)
ROWS = np.round(GENERATOR.standard_normal((400, 3)) * [1, 10, 0.1] + [0, 5, 0], 2)


def _contract(*, nullable: bool = False, probabilities: bool = False) -> Contract:
    features = [Feature(name=name, type="number", minimum=-100, maximum=100, nullable=nullable) for name in "abc"]
    return Contract(
        name="outliers",
        title="Outliers",
        description="",
        task="classification",
        features=tuple(features),
        output=Output(name="ordinary", classes=(-1, 1), probabilities=probabilities),
    )


def _proven(model: Any, *, nullable: bool = False, rows: NDArray[np.float64] = ROWS) -> ParityReport:
    contract = _contract(nullable=nullable)
    model.fit(to_frame(rows[:250], contract))
    graph = serialise(export_pipeline(model, contract))
    report = check_parity(model, graph, contract, to_frame(rows[250:], contract), max_rows=2500)
    assert report.label_flips == 0
    assert not report.excesses()
    return report


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
    """The same leaf in each tree and the same label, whatever the share of outliers is."""
    report = _proven(model)
    assert report.other_branches == 0
    assert report.trees == len(model.estimators_)
    assert report.undecided == 0


def test_isolation_forest_with_missing_values() -> None:
    """A missing value goes the way that the tree has learned for it."""
    holes = np.where(GENERATOR.random(ROWS.shape) < 0.1, np.nan, ROWS)
    report = _proven(IsolationForest(n_estimators=12, random_state=1, contamination=0.1), nullable=True, rows=holes)
    assert report.other_branches == 0


def test_isolation_forest_with_missing_values_in_sparse_rows() -> None:
    """scikit-learn sends them to the other side of every split there, whatever the tree has learned."""
    holes = np.where(GENERATOR.random(ROWS.shape) < 0.1, np.nan, ROWS)
    columns = make_column_transformer(
        (StandardScaler(with_mean=False), ["a", "b"]),
        (OneHotEncoder(handle_unknown="ignore"), ["c"]),
        sparse_threshold=1.0,
    )
    model = make_pipeline(columns, IsolationForest(n_estimators=12, random_state=1, contamination=0.1))
    assert _proven(model, nullable=True, rows=holes).other_branches == 0


def test_isolation_forest_behind_a_scaler() -> None:
    """Thresholds are folded through the scaler."""
    assert (
        _proven(make_pipeline(StandardScaler(), IsolationForest(n_estimators=12, random_state=1))).other_branches == 0
    )


@pytest.mark.parametrize(
    "model",
    [
        OneClassSVM(nu=0.1),
        OneClassSVM(kernel="linear"),
        OneClassSVM(kernel="poly", degree=2),
        SGDOneClassSVM(random_state=1),
        EllipticEnvelope(random_state=1),
        EllipticEnvelope(random_state=1, contamination=0.3, assume_centered=True, support_fraction=0.8),
    ],
    ids=str,
)
def test_detector_with_a_decision(model: Any) -> None:
    """The side of 0 on which the decision lies."""
    _proven(make_pipeline(StandardScaler(), model))


def test_probabilities_are_refused() -> None:
    """An outlier detector has none to give."""
    contract = _contract(probabilities=True)
    model = IsolationForest(n_estimators=3, random_state=1).fit(to_frame(ROWS, contract))
    with pytest.raises(ExportError, match="gives no probabilities"):
        export_pipeline(model, contract)


def test_local_outlier_factor_is_refused() -> None:
    """With the nearest detectors that can be exported, not with a list of classifiers."""
    contract = _contract()
    model = LocalOutlierFactor(novelty=True).fit(to_frame(ROWS, contract))
    with pytest.raises(ExportError, match=r"equally far ones.*Nearest that can: IsolationForest or OneClassSVM"):
        export_pipeline(model, contract)


def test_own_kernel_is_refused() -> None:
    """A kernel that is a function is refused by name."""
    contract = _contract()
    model = OneClassSVM(kernel=linear_kernel).fit(to_frame(ROWS[:50], contract))
    with pytest.raises(ExportError, match="nothing is known about the kernel"):
        export_pipeline(model, contract)
