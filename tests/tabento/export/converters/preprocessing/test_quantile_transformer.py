"""Quantile transforms: the same doubles for shares, the same branches after them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from sklearn.tree import DecisionTreeRegressor

from tabento.export import ExportError, export_pipeline
from tabento.tables.frames import to_frame
from tests.tabento.export import sparse_columns
from tests.tabento.export.tables import assert_same, assert_same_branches, contract_of, number, write_transformer

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
    """Return rows on every quantile, one double next to it, a margin next to it, and far away."""
    on = model.quantiles_
    adjacent = [np.nextafter(on, -np.inf), np.nextafter(on, np.inf), on - 1e-7, on + 1e-7, on - 9e-8, on + 1.1e-7]
    return np.concatenate([TRAIN, on, *adjacent, on - 1e9, on + 1e9, np.zeros((1, 4)), np.full((1, 4), 5e-324)])


@pytest.mark.parametrize("count", [1, 2, 17, 300])
def test_shares_bit_for_bit(count: int) -> None:
    """Shares agree on quantiles, also repeated ones, between and outside them; missing values stay missing."""
    model = QuantileTransformer(n_quantiles=count).fit(FRAME)
    assert_same(model, CONTRACT, _hostile(model))


@pytest.mark.parametrize("count", [2, 50, 300])
def test_normal_quantiles(count: int) -> None:
    """Normal quantiles agree up to the logarithm's last bits and are clipped to the same ends."""
    model = QuantileTransformer(n_quantiles=count, output_distribution="normal").fit(FRAME)
    assert_same(model, CONTRACT, _hostile(model), relative=2e-14)


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
@pytest.mark.parametrize(
    "model", [HistGradientBoostingRegressor(max_iter=8, max_bins=20), DecisionTreeRegressor(max_depth=7)]
)
def test_trees_look_through_quantiles(distribution: Literal["uniform", "normal"], model: Any) -> None:
    """Thresholds on shares become thresholds of the raw column, found with the fitted transformer."""
    quantiles = QuantileTransformer(n_quantiles=60, output_distribution=distribution)
    pipeline = make_pipeline(quantiles, model).fit(FRAME, TARGET)
    graph = assert_same_branches(pipeline, CONTRACT, TRAIN)
    trees = [node for node in graph.nodes if node.op_type == "TreeEnsemble"]
    assert [node.input[0] for node in trees] == ["rows"]


@pytest.mark.filterwarnings("ignore:All-NaN slice encountered", "ignore:n_quantiles")
def test_column_without_values_is_refused() -> None:
    """A column without training values is refused."""
    model = QuantileTransformer(n_quantiles=5).fit(FRAME.assign(a=np.nan))
    with pytest.raises(ExportError, match="no value when it was fitted"):
        write_transformer(model, CONTRACT)


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_entries_of_a_sparse_matrix(distribution: Any) -> None:
    """Entries that a sparse matrix does not store stay 0, for any quantile of 0."""
    transformer = QuantileTransformer(n_quantiles=9, output_distribution=distribution)
    sparse_columns.prove_pipeline(transformer, Ridge(), low=0.0)


def test_trees_behind_a_sparse_quantile_transformer() -> None:
    """Trees after shares are exact; after normal quantiles they are refused with the remedy."""
    sparse_columns.prove_pipeline(QuantileTransformer(n_quantiles=9), DecisionTreeRegressor(max_depth=4), low=0.0)
    normal = QuantileTransformer(n_quantiles=9, output_distribution="normal")
    pipeline, contract = sparse_columns.fit_pipeline(normal, DecisionTreeRegressor(max_depth=4), low=0.0)
    with pytest.raises(ExportError, match=r"normal quantiles of a sparse matrix.*'uniform'"):
        export_pipeline(pipeline, contract)
