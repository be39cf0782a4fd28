"""Polynomial features: every product in scikit-learn's order of multiplication."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from tabento.export import ExportError
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import (
    assert_same,
    assert_same_branches,
    category,
    contract_of,
    number,
    write_transformer,
)

GENERATOR = np.random.default_rng(81)
CONTRACT = contract_of(*(number(name, nullable=name == "d") for name in "abcd"))
ROWS = GENERATOR.normal(size=(200, 4)) * 10.0 ** GENERATOR.integers(-30, 30, (200, 4))
FRAME = to_frame(ROWS, CONTRACT)


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 5, (2, 3), (0, 2), (3, 4)])
@pytest.mark.parametrize("interaction_only", [False, True])
@pytest.mark.parametrize("include_bias", [False, True])
def test_products_bit_for_bit(degree: int | tuple[int, int], interaction_only: bool, include_bias: bool) -> None:
    """Each degree agrees, with and without powers of one column, with and without the column of ones."""
    if degree == 0 and not include_bias:
        return
    model = PolynomialFeatures(degree, interaction_only=interaction_only, include_bias=include_bias)
    pipeline = make_pipeline(SimpleImputer(), model).fit(FRAME)
    if pipeline[-1].n_output_features_:
        assert_same(pipeline, CONTRACT, ROWS)


def test_wide_tables() -> None:
    """Forty columns give 860 products in one multiplication."""
    contract = contract_of(*(number(f"x{index}") for index in range(40)))
    rows = GENERATOR.normal(size=(20, 40))
    model = PolynomialFeatures(2).fit(to_frame(rows, contract))
    assert_same(model, contract, rows)
    assert len(write_transformer(model, contract)[0].nodes) <= 8


def test_trees_behind_products_take_the_same_branches() -> None:
    """Products of scaled columns are the same doubles, so rows on thresholds take the same side."""
    model = HistGradientBoostingRegressor(max_iter=10, max_bins=16)
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), PolynomialFeatures(3, include_bias=False), model)
    rows = GENERATOR.normal(size=(200, 4))
    pipeline.fit(to_frame(rows, CONTRACT), rows[:, 0] * rows[:, 1] + rows[:, 2] ** 3)
    assert_same_branches(pipeline, CONTRACT, rows)


def test_what_scikit_learn_does_otherwise_is_refused() -> None:
    """Missing values are refused, and sparse columns from degree 3 on, because they are multiplied in another order."""
    with pytest.raises(ExportError, match=r"PolynomialFeatures raises on a missing value.*\['d'\]"):
        write_transformer(PolynomialFeatures().fit(FRAME), CONTRACT)
    contract = contract_of(*(category(f"k{index}", *"abcdefgh") for index in range(3)))
    rows = GENERATOR.integers(0, 8, (100, 3)).astype(np.float64)
    for degree in (2, 3):
        columns = ColumnTransformer([("k", OneHotEncoder(), ["k0", "k1", "k2"])])
        pipeline = make_pipeline(columns, PolynomialFeatures(degree)).fit(to_frame(rows, contract))
        if degree == 2:
            assert_same(pipeline, contract, rows)
        else:
            with pytest.raises(ExportError, match="sparse columns in another order"):
                write_transformer(pipeline, contract)
    with pytest.raises(ExportError, match="has no columns"):
        write_transformer(
            PolynomialFeatures((5, 5), interaction_only=True, include_bias=False).fit(rows),
            contract_of(*map(number, "abc")),
        )
