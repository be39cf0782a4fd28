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

from tests.training.export.tables import assert_same, contract_of, number, written
from tests.training.orchards import answers
from training.export import ExportError, export_pipeline, serialise
from training.frames import to_frame

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
    """One, some and more neighbours than there are; raw and behind a scaler."""
    imputer = KNNImputer(n_neighbors=count, weights=weights)
    assert_same(imputer.fit(FRAME), CONTRACT, ROWS, relative=1e-12)
    assert_same(make_pipeline(StandardScaler(), imputer).fit(FRAME), CONTRACT, ROWS, relative=1e-12)


def test_row_that_was_learned_is_its_own_donor() -> None:
    """At distance 0 a donor takes all the weight; with an indicator behind."""
    full = GENERATOR.normal(size=(60, 4))
    imputer = KNNImputer(weights="distance", add_indicator=True).fit(
        to_frame(np.where(np.eye(60, 4) > 0, np.nan, full), CONTRACT)
    )
    asked = full.copy()
    asked[:, 1] = np.nan
    assert_same(imputer, CONTRACT, asked, relative=1e-9)


@pytest.mark.parametrize("keep", [False, True])
def test_columns_that_were_empty_in_training(keep: bool) -> None:
    """They are left out, or 0; a row without any value gets the means."""
    contract = contract_of(*(number(name, nullable=True) for name in "abc"))
    rows = np.concatenate([TRAIN[:, :3], [[np.nan] * 3]])
    imputer = KNNImputer(keep_empty_features=keep).fit(to_frame(rows, contract).assign(b=np.nan))
    assert_same(imputer, contract, rows, relative=1e-12)


def test_nothing_missing_costs_nothing() -> None:
    """Where the contract lets nothing be missing there is nothing to compute."""
    contract = contract_of(*(number(name) for name in "abcd"))
    graph, columns = written(KNNImputer().fit(FRAME), contract)
    assert "MatMul" not in [node.op_type for node in graph.nodes]
    assert columns.width == 4


def test_what_cannot_be_read_is_refused() -> None:
    """A metric or weights of somebody's own, and another mark for missing."""
    for imputer, reason in (
        (KNNImputer(weights=lambda distances: distances), "its metric or its weights are a function"),
        (KNNImputer(missing_values=-1), "missing_values=-1"),
    ):
        with pytest.raises(ExportError, match=reason):
            written(imputer.fit(FRAME.fillna(0.0)), CONTRACT)


@pytest.mark.parametrize("scaled", [False, True])
def test_ties_among_donors_are_refused(scaled: bool) -> None:
    """On whole numbers donors are equally far, and the partition of the machine chooses among them."""
    whole = to_frame(np.where(np.isnan(TRAIN), np.nan, np.round(TRAIN)), CONTRACT)
    imputer = KNNImputer(n_neighbors=3)
    pipeline = make_pipeline(StandardScaler(), imputer) if scaled else imputer
    with pytest.raises(ExportError, match=r"rows at the resolution .* equally far donors .* hangs on the machine"):
        written(pipeline.fit(whole), CONTRACT)


def test_all_donors_are_no_choice() -> None:
    """As many neighbours as donors: whole numbers do no harm."""
    whole = np.where(np.isnan(TRAIN), np.nan, np.round(TRAIN))
    assert_same(KNNImputer(n_neighbors=300).fit(to_frame(whole, CONTRACT)), CONTRACT, np.round(ROWS), relative=1e-12)


def test_trees_behind_are_refused() -> None:
    """The mean's last bit is the machine's, and a threshold may lie on it; sums of columns stand it."""
    target = np.nan_to_num(TRAIN).sum(axis=1)
    pipeline = make_pipeline(KNNImputer(), StandardScaler(), HistGradientBoostingRegressor(max_iter=2)).fit(
        FRAME, target
    )
    with pytest.raises(ExportError, match=r"histgradientboosting.*split on KNNImputer's means.*SimpleImputer"):
        export_pipeline(pipeline, CONTRACT)
    line = make_pipeline(KNNImputer(), LinearRegression()).fit(FRAME, target)
    got = answers(serialise(export_pipeline(line, CONTRACT)), ROWS)
    np.testing.assert_allclose(got, line.predict(to_frame(ROWS, CONTRACT)), rtol=1e-11)
