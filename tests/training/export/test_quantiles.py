"""Quantile transforms: the same doubles for shares, the same branches behind them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from sklearn.tree import DecisionTreeRegressor

from tests.training.export import sparse_columns
from tests.training.export.tables import assert_same, assert_same_branches, contract_of, number, written
from training.export import ExportError, export_pipeline
from training.frames import to_frame

GENERATOR = np.random.default_rng(51)
CONTRACT = contract_of(number("a", nullable=True), number("b"), number("c"), number("d"))
TRAIN = np.column_stack(
    [
        np.where(GENERATOR.random(300) < 0.1, np.nan, GENERATOR.normal(size=300)),
        GENERATOR.lognormal(0, 3, 300),
        GENERATOR.integers(0, 4, 300).astype(np.float64),
        np.full(300, 7.5),
    ]
)
FRAME = to_frame(TRAIN, CONTRACT)
TARGET = np.nan_to_num(TRAIN[:, 0]) + np.log(TRAIN[:, 1]) + TRAIN[:, 2]


def _hostile(model: QuantileTransformer) -> Any:
    """Return rows on every quantile, one double beside it, a margin beside it, and far away."""
    on = model.quantiles_
    beside = [np.nextafter(on, -np.inf), np.nextafter(on, np.inf), on - 1e-7, on + 1e-7, on - 9e-8, on + 1.1e-7]
    return np.concatenate([TRAIN, on, *beside, on - 1e9, on + 1e9, np.zeros((1, 4)), np.full((1, 4), 5e-324)])


@pytest.mark.parametrize("count", [1, 2, 17, 300])
def test_shares_bit_for_bit(count: int) -> None:
    """On quantiles, repeated ones too, between them and beyond them; missing values stay missing."""
    model = QuantileTransformer(n_quantiles=count).fit(FRAME)
    assert_same(model, CONTRACT, _hostile(model))


@pytest.mark.parametrize("count", [2, 50, 300])
def test_normal_quantiles(count: int) -> None:
    """Up to the last bits of the logarithm; clipped to the same ends."""
    model = QuantileTransformer(n_quantiles=count, output_distribution="normal").fit(FRAME)
    assert_same(model, CONTRACT, _hostile(model), relative=2e-14)


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize(
    "model", [HistGradientBoostingRegressor(max_iter=8, max_bins=20), DecisionTreeRegressor(max_depth=7)]
)
def test_trees_look_through_quantiles(distribution: Literal["uniform", "normal"], model: Any) -> None:
    """Thresholds on shares become thresholds on the raw column, found with the fitted transformer as the judge."""
    quantiles = QuantileTransformer(n_quantiles=60, output_distribution=distribution)
    pipeline = make_pipeline(quantiles, model).fit(FRAME, TARGET)
    graph = assert_same_branches(pipeline, CONTRACT, TRAIN)
    trees = [node for node in graph.nodes if node.op_type == "TreeEnsemble"]
    assert [node.input[0] for node in trees] == ["rows"]


@pytest.mark.filterwarnings("ignore:All-NaN slice encountered", "ignore:n_quantiles")
def test_column_without_values_is_refused() -> None:
    """Nothing is known about a column that was never there."""
    model = QuantileTransformer(n_quantiles=5).fit(FRAME.assign(a=np.nan))
    with pytest.raises(ExportError, match="no value when it was fitted"):
        written(model, CONTRACT)


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_entries_of_a_sparse_matrix(distribution: Any) -> None:
    """What a sparse matrix leaves out stays 0, whatever the quantile of 0 is."""
    transformer = QuantileTransformer(n_quantiles=9, output_distribution=distribution)
    sparse_columns.proven(transformer, Ridge(), low=0.0)


def test_trees_behind_a_sparse_quantile_transformer() -> None:
    """Shares are exact; normal quantiles are not, and trees behind them are refused with the way out."""
    sparse_columns.proven(QuantileTransformer(n_quantiles=9), DecisionTreeRegressor(max_depth=4), low=0.0)
    normal = QuantileTransformer(n_quantiles=9, output_distribution="normal")
    pipeline, contract = sparse_columns.fitted(normal, DecisionTreeRegressor(max_depth=4), low=0.0)
    with pytest.raises(ExportError, match=r"normal quantiles of a sparse matrix.*'uniform'"):
        export_pipeline(pipeline, contract)
