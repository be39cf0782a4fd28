"""Imputation by neighbours: the same donors, their mean to the last bits."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import KNNImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.export import ExportError, export_pipeline, serialise
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, contract_of, number, write_transformer
from tests.training.orchards import answers

GENERATOR = np.random.default_rng(131)
CONTRACT = contract_of(*(number(name, nullable=name != "d") for name in "abcd"))


def _rows(count: int) -> NDArray[np.float64]:
    values = GENERATOR.normal(size=(count, 4)) * [1, 10, 0.1, 3] + [0, 5, 0, 1]
    holes = GENERATOR.random((count, 4)) < 0.25
    holes[:, 3] = False
    return np.where(holes, np.nan, values)


TRAIN, ROWS = _rows(250), np.concatenate([_rows(300), [[np.nan, np.nan, np.nan, 0.3]]])
FRAME = to_frame(TRAIN, CONTRACT)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("count", [1, 5, 1000])
def test_nearest_donors(weights: Literal["uniform", "distance"], count: int) -> None:
    """One, several and more neighbours than donors are exported, raw and after a scaler."""
    imputer = KNNImputer(n_neighbors=count, weights=weights)
    assert_same(imputer.fit(FRAME), CONTRACT, ROWS, relative=1e-12)
    assert_same(make_pipeline(StandardScaler(), imputer).fit(FRAME), CONTRACT, ROWS, relative=1e-12)


def test_row_that_was_learned_is_its_own_donor() -> None:
    """A donor at distance 0 has the total weight; an indicator follows."""
    full = GENERATOR.normal(size=(60, 4))
    imputer = KNNImputer(weights="distance", add_indicator=True).fit(
        to_frame(np.where(np.eye(60, 4) > 0, np.nan, full), CONTRACT)
    )
    queried_rows = full.copy()
    queried_rows[:, 1] = np.nan
    assert_same(imputer, CONTRACT, queried_rows, relative=1e-9)


@pytest.mark.parametrize("keep", [False, True])
def test_columns_that_were_empty_in_training(keep: bool) -> None:
    """Empty columns are dropped, or 0; a row without any value gets the means."""
    contract = contract_of(*(number(name, nullable=True) for name in "abc"))
    rows = np.concatenate([TRAIN[:, :3], [[np.nan] * 3]])
    imputer = KNNImputer(keep_empty_features=keep).fit(to_frame(rows, contract).assign(b=np.nan))
    assert_same(imputer, contract, rows, relative=1e-12)


def test_nothing_missing_costs_nothing() -> None:
    """If the contract excludes missing values, no node is written."""
    contract = contract_of(*(number(name) for name in "abcd"))
    graph, columns = write_transformer(KNNImputer().fit(FRAME), contract)
    assert "MatMul" not in [node.op_type for node in graph.nodes]
    assert columns.width == 4


def test_what_cannot_be_read_is_refused() -> None:
    """A custom metric, custom weights, and another mark of missing values are refused."""
    for imputer, reason in (
        (KNNImputer(weights=lambda distances: distances), "its metric or its weights are a function"),
        (KNNImputer(missing_values=-1), "missing_values=-1"),
    ):
        with pytest.raises(ExportError, match=reason):
            write_transformer(imputer.fit(FRAME.fillna(0.0)), CONTRACT)


@pytest.mark.parametrize("scaled", [False, True])
def test_ties_among_donors_are_refused(scaled: bool) -> None:
    """On integers donors are equally far, and the partition of the processor chooses among them: refused."""
    integers = to_frame(np.where(np.isnan(TRAIN), np.nan, np.round(TRAIN)), CONTRACT)
    imputer = KNNImputer(n_neighbors=3)
    pipeline = make_pipeline(StandardScaler(), imputer) if scaled else imputer
    with pytest.raises(ExportError, match=r"rows at the resolution .* equally far donors .* depends on the processor"):
        write_transformer(pipeline.fit(integers), CONTRACT)


def test_all_donors_are_no_choice() -> None:
    """With as many neighbours as donors, integers are accepted."""
    integers = np.where(np.isnan(TRAIN), np.nan, np.round(TRAIN))
    assert_same(KNNImputer(n_neighbors=300).fit(to_frame(integers, CONTRACT)), CONTRACT, np.round(ROWS), relative=1e-12)


def test_trees_behind_are_refused() -> None:
    """Trees after the imputer are refused, because the last bit of a mean can decide; linear models are accepted."""
    target = np.nan_to_num(TRAIN).sum(axis=1)
    pipeline = make_pipeline(KNNImputer(), StandardScaler(), HistGradientBoostingRegressor(max_iter=2)).fit(
        FRAME, target
    )
    with pytest.raises(ExportError, match=r"histgradientboosting.*split on KNNImputer's means.*SimpleImputer"):
        export_pipeline(pipeline, CONTRACT)
    line = make_pipeline(KNNImputer(), LinearRegression()).fit(FRAME, target)
    actual = answers(serialise(export_pipeline(line, CONTRACT)), ROWS)
    np.testing.assert_allclose(actual, line.predict(to_frame(ROWS, CONTRACT)), rtol=1e-11)
