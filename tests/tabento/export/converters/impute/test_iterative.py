"""Imputation in rounds: the same estimators in the same order, and a refusal if last bits would decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer as enable_iterative_imputer  # makes the next import work
from sklearn.impute import IterativeImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tabento.export import ExportError, export_pipeline, serialise
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, contract_of, number, write_transformer

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Skipping features without any observed values"),
]

GENERATOR = np.random.default_rng(97)
CONTRACT = contract_of(*(number(name, nullable=name != "d", minimum=-60, maximum=60) for name in "abcd"))


def _rows(count: int) -> NDArray[np.float64]:
    values = GENERATOR.normal(size=(count, 4)) @ GENERATOR.normal(size=(4, 4)) * [1, 10, 0.1, 3] + [0, 5, 0, 1]
    holes = GENERATOR.random((count, 4)) < 0.25
    holes[:, 3] = False
    return np.where(holes, np.nan, values)


TRAIN, ROWS = _rows(150), np.concatenate([_rows(200), [[np.nan, np.nan, np.nan, 0.3]]])
FRAME = to_frame(TRAIN, CONTRACT)


@pytest.mark.parametrize(
    "imputer",
    [
        IterativeImputer(max_iter=4),
        IterativeImputer(max_iter=0),
        IterativeImputer(max_iter=2, initial_strategy="median", imputation_order="descending"),
        IterativeImputer(max_iter=2, imputation_order="random", random_state=3, n_nearest_features=2),
        IterativeImputer(max_iter=3, min_value=-0.5, max_value=[1.0, 20.0, 0.01, 9.0], add_indicator=True),
        IterativeImputer(max_iter=2, skip_complete=True, initial_strategy="constant", fill_value=2.5),
        IterativeImputer(make_pipeline(StandardScaler(), Ridge()), max_iter=3),
        IterativeImputer(KernelRidge(kernel="rbf", gamma=0.01), max_iter=2),
    ],
    ids=str,
)
def test_rounds(imputer: IterativeImputer) -> None:
    """Estimates agree to rounding, regardless of the other missing values of a row."""
    assert_same(imputer.fit(FRAME), CONTRACT, ROWS, relative=1e-9)
    assert_same(make_pipeline(StandardScaler(), imputer).fit(FRAME), CONTRACT, ROWS, relative=1e-9)


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("strategy", ["mean", "constant"])
def test_columns_that_were_empty_in_training(keep: bool, strategy: str) -> None:
    """Empty columns are dropped, or keep the value of the first imputation."""
    contract = contract_of(*(number(name, nullable=True) for name in "abcd"))
    train, rows = TRAIN.copy(), ROWS.copy()
    train[:, 1] = np.nan
    imputer = IterativeImputer(keep_empty_features=keep, initial_strategy=strategy, fill_value=3.0, max_iter=3)
    model = make_pipeline(StandardScaler(), imputer).fit(to_frame(train, contract))
    assert_same(model, contract, rows, relative=1e-9)


def test_column_that_was_complete_in_training() -> None:
    """A column that was complete in training is estimated too, unless `skip_complete` keeps the first imputation."""
    train = TRAIN.copy()
    train[:, 0] = np.nan_to_num(train[:, 0])
    for skip in (False, True):
        imputer = IterativeImputer(skip_complete=skip, max_iter=2).fit(to_frame(train, CONTRACT))
        assert_same(imputer, CONTRACT, ROWS, relative=1e-9)


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeRegressor(max_depth=4, random_state=0),
        ExtraTreesRegressor(4, max_depth=4, random_state=0),
        RandomForestRegressor(4, max_depth=4, random_state=0),
        HistGradientBoostingRegressor(max_iter=3),
    ],
    ids=str,
)
def test_trees_behind_trees(estimator: Any) -> None:
    """Estimates of trees are equal to the last bit, so trees may split on them; the report counts no leaves."""
    imputer = IterativeImputer(estimator, max_iter=2, random_state=0)
    assert_same(imputer.fit(FRAME), CONTRACT, ROWS)
    model = make_pipeline(imputer, RandomForestRegressor(5, max_depth=4, random_state=1))
    model.fit(FRAME, np.nan_to_num(TRAIN).sum(axis=1))
    graph = serialise(export_pipeline(model, CONTRACT))
    report = check_parity(model, graph, CONTRACT, to_frame(ROWS, CONTRACT), max_rows=1500)
    assert (report.other_branches, report.trees) == (0, 5)
    assert any("imputation_sequence_[" in step for step in report.unread_ensembles)


def test_whole_pipeline_is_proven() -> None:
    """A linear model after the imputer, with an indicator, is proven."""
    model = make_pipeline(IterativeImputer(max_iter=3, add_indicator=True), LinearRegression())
    model.fit(FRAME, np.nan_to_num(TRAIN).sum(axis=1))
    graph = serialise(export_pipeline(model, CONTRACT))
    report = check_parity(model, graph, CONTRACT, to_frame(ROWS, CONTRACT), max_rows=1500)
    assert report.worst_relative < 1e-9
    assert report.undecided == 0


def test_what_cannot_be_exact_is_refused() -> None:
    """Random estimates, other marks of missing values, and trees after sums of products are refused."""
    target = np.nan_to_num(TRAIN).sum(axis=1)
    with pytest.raises(ExportError, match=r"sample_posterior=True draws random numbers.*sample_posterior=False"):
        export_pipeline(
            make_pipeline(IterativeImputer(sample_posterior=True), LinearRegression()).fit(FRAME, target), CONTRACT
        )
    filled = to_frame(np.nan_to_num(TRAIN, nan=-1.0), CONTRACT)
    keeping = IterativeImputer(keep_empty_features=True).fit(TRAIN)
    with pytest.raises(ExportError, match=r"keep_empty_features=True writes into a frame"):
        write_transformer(keeping, CONTRACT)
    with pytest.raises(ExportError, match=r"missing_values=-1"):
        export_pipeline(
            make_pipeline(IterativeImputer(missing_values=-1), LinearRegression()).fit(filled, target), CONTRACT
        )
    with pytest.raises(ExportError, match=r"split on IterativeImputer's estimates.*SimpleImputer"):
        export_pipeline(make_pipeline(IterativeImputer(), DecisionTreeRegressor()).fit(FRAME, target), CONTRACT)
    positive = to_frame(np.abs(TRAIN), CONTRACT)
    for estimator in (RandomForestRegressor(2, n_jobs=2), HistGradientBoostingRegressor(loss="poisson", max_iter=2)):
        unsteady = make_pipeline(IterativeImputer(estimator, max_iter=1), DecisionTreeRegressor())
        with pytest.raises(ExportError, match="split on IterativeImputer's estimates"):
            export_pipeline(unsteady.fit(positive, target), CONTRACT)
    behind = IterativeImputer(make_pipeline(StandardScaler(), DecisionTreeRegressor()), max_iter=2)
    with pytest.raises(ExportError, match="split on IterativeImputer's estimates"):
        export_pipeline(make_pipeline(behind, LinearRegression()).fit(FRAME, target), CONTRACT)
