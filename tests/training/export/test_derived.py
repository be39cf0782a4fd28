"""Tabento's own transformers: quotients and similarities, bit for bit in front of trees."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.training.export.tables import (
    assert_same,
    assert_same_branches,
    category,
    contract_of,
    number,
    written,
)
from training.export import ExportError
from training.frames import to_frame
from training.transformers.cluster_similarity import ClusterSimilarity
from training.transformers.ratios import Ratios

GENERATOR = np.random.default_rng(121)
CONTRACT = contract_of(number("a", nullable=True), number("b"), number("c"))
ROWS = np.column_stack(
    [
        np.where(GENERATOR.random(300) < 0.1, np.nan, GENERATOR.normal(size=300)),
        GENERATOR.integers(-2, 3, 300).astype(np.float64),
        GENERATOR.lognormal(size=300),
    ]
)
FRAME = to_frame(ROWS, CONTRACT)


def test_ratios() -> None:
    """Over zero, of either sign, there is no ratio; what is missing has none."""
    rows = np.concatenate([ROWS, [[1.0, 0.0, -0.0], [0.0, 0.0, 1e300], [np.nan, -0.0, 5e-324]]])
    assert_same(Ratios([(0, 1), (1, 2), (2, 1), (2, 2)]).fit(FRAME), CONTRACT, rows)


def test_similarities() -> None:
    """To the last bits of the exponential, from a centre itself to where nothing is left."""
    imputed = make_pipeline(SimpleImputer(), ClusterSimilarity(4, gamma=0.7, random_state=0)).fit(FRAME)
    rows = np.concatenate([ROWS, imputed[-1].centres_, np.full((1, 3), 1e10)])
    assert_same(imputed, CONTRACT, rows, relative=1e-15)


def test_labels_of_clusters() -> None:
    """The nearest centre bit for bit: on centres, halfway between two of them, and where nothing is left of distances."""
    imputed = make_pipeline(SimpleImputer(), ClusterSimilarity(4, gamma=0.7, random_state=0, label=True)).fit(FRAME)
    centres = imputed[-1].centres_ = np.round(imputed[-1].centres_, 2)
    between = np.array([(one + other) / 2 for one in centres for other in centres])
    rows = np.concatenate([ROWS, between, np.full((1, 3), 1e10), np.full((1, 3), 1e200)])
    assert_same(imputed, CONTRACT, rows, relative=1e-15)
    only_label = ColumnTransformer([("label", "passthrough", [4])])
    assert_same(make_pipeline(imputed, only_label).fit(FRAME), CONTRACT, ROWS, relative=0)


@pytest.mark.parametrize("label", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_similarities_in_front_of_trees_are_distances(scaled: bool, label: bool) -> None:
    """The exponential is folded into the thresholds, behind a scaler and beside ratios."""
    steps = [SimpleImputer(), StandardScaler()] if scaled else [SimpleImputer()]
    columns = ColumnTransformer(
        [
            ("places", make_pipeline(*steps, ClusterSimilarity(5, gamma=0.4, random_state=0, label=label)), ["b", "c"]),
            ("ratios", Ratios([(0, 1), (1, 0)]), ["a", "b"]),
        ]
    )
    target = np.sin(ROWS[:, 1]) + ROWS[:, 2]
    model = HistGradientBoostingRegressor(max_iter=15, max_bins=16, min_samples_leaf=5)
    graph = assert_same_branches(make_pipeline(columns, model).fit(FRAME, target), CONTRACT, ROWS)
    operators = [node.op_type for node in graph.nodes]
    assert "Exp" not in operators
    assert ("ArgMin" in operators) == label


def test_strings_are_refused() -> None:
    """A ratio of categories is refused by name."""
    contract = contract_of(number("a"), category("kind", "x"))
    with pytest.raises(ExportError, match=r"strings of \['kind'\]"):
        written(Ratios([(0, 1)]).fit(np.ones((2, 2))), contract)
