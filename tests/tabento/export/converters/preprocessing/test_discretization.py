"""Bins: edges belong to the bin above them, in the graph as in scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, PowerTransformer, StandardScaler

from tabento.export import ExportError
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import (
    assert_same,
    assert_same_branches,
    contract_of,
    number,
    pack_transformer,
    write_transformer,
)

pytestmark = pytest.mark.filterwarnings("ignore:Bins whose width are too small")

GENERATOR = np.random.default_rng(41)
CONTRACT = contract_of(number("a"), number("b"), number("c"))
TRAIN = np.column_stack(
    [GENERATOR.normal(size=300), GENERATOR.lognormal(2, 2, 300), GENERATOR.integers(0, 5, 300).astype(np.float64)]
)
FRAME = to_frame(TRAIN, CONTRACT)
TARGET = TRAIN[:, 0] + np.log(TRAIN[:, 1]) + TRAIN[:, 2] ** 2
NULLABLE = contract_of(number("a", nullable=True), number("b"), number("c"))


def _on_edges(model: KBinsDiscretizer) -> Any:
    """Return rows on each edge, one double below and above it, and far outside."""
    edges = [np.concatenate([column, [-1e15, 1e15, 0.0, -0.0]]) for column in model.bin_edges_]
    length = max(len(column) for column in edges)
    on = np.column_stack([np.resize(column, length) for column in edges])
    return np.concatenate([on, np.nextafter(on, -np.inf), np.nextafter(on, np.inf), TRAIN])


@pytest.mark.parametrize("encode", ["ordinal", "onehot", "onehot-dense"])
@pytest.mark.parametrize("strategy", ["uniform", "quantile", "kmeans"])
def test_bins(encode: str, strategy: str) -> None:
    """Rows on edges, next to them and outside agree, also with different numbers of bins."""
    method = {"quantile_method": "averaged_inverted_cdf"} if strategy == "quantile" else {}
    model = KBinsDiscretizer([4, 7, 2], encode=encode, strategy=strategy, **method).fit(FRAME)
    assert_same(model, CONTRACT, _on_edges(model))


def test_trees_look_through_bins() -> None:
    """Ordinal bins before trees become thresholds of the raw column, through any scaler."""
    bins = KBinsDiscretizer(6, encode="ordinal", quantile_method="averaged_inverted_cdf")
    pipeline = make_pipeline(StandardScaler(), bins, HistGradientBoostingRegressor(max_iter=10)).fit(FRAME, TARGET)
    graph = assert_same_branches(pipeline, CONTRACT, TRAIN)
    assert [node.op_type for node in graph.nodes] == ["TreeEnsemble", "Squeeze"]


def test_edges_behind_a_power_are_folded() -> None:
    """Edges of one-hot bins after a power become edges of the raw column, because last bits of powers differ."""
    bins = KBinsDiscretizer(8, encode="onehot-dense", quantile_method="averaged_inverted_cdf")
    pipeline = make_pipeline(PowerTransformer(), bins, HistGradientBoostingRegressor(max_iter=10)).fit(FRAME, TARGET)
    graph = assert_same_branches(pipeline, CONTRACT, TRAIN)
    kinds = [node.op_type for node in graph.nodes]
    assert kinds == ["TreeEnsemble", "Gather", "Equal", "Cast", "TreeEnsemble", "Squeeze"]
    assert graph.nodes[0].input[0] == "rows"
    # Only ensembles that stand for an estimator are there to be compared with one.
    assert [ensemble.step for ensemble in graph.ensembles] == ["histgradientboostingregressor"]


def test_missing_values_are_refused_in_front_of_bins() -> None:
    """A missing value is refused, because scikit-learn raises; after an imputer it is accepted."""
    model = KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf").fit(FRAME)
    with pytest.raises(ExportError, match=r"KBinsDiscretizer raises on a missing value.*\['a'\]"):
        write_transformer(model, NULLABLE)
    with pytest.raises(ExportError, match="Binarizer raises on a missing value"):
        write_transformer(Binarizer().fit(FRAME), NULLABLE)
    holes = np.where(GENERATOR.random(TRAIN.shape) < 0.2, [np.nan, 0.0, 0.0], TRAIN)
    imputed = make_pipeline(SimpleImputer(), model).fit(to_frame(holes, NULLABLE))
    assert_same(imputed, NULLABLE, holes)


def test_bins_in_float32_are_refused() -> None:
    """`dtype=np.float32` is refused, because it rounds numbers before the comparison."""
    model = KBinsDiscretizer(3, dtype=np.float32, quantile_method="averaged_inverted_cdf").fit(FRAME)
    with pytest.raises(ExportError, match=r"bins in float32.*dtype=None"):
        write_transformer(model, CONTRACT)


def test_bins_of_some_columns() -> None:
    """One node finds the bins of all columns."""
    bins = KBinsDiscretizer(5, encode="ordinal", quantile_method="averaged_inverted_cdf")
    columns = ColumnTransformer([("bins", bins, ["c", "a"])], remainder="passthrough").fit(FRAME)
    assert_same(columns, CONTRACT, TRAIN)
    assert [node.op_type for node in pack_transformer(columns, CONTRACT).nodes].count("TreeEnsemble") == 1
