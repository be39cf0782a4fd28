"""Similarity to cluster centres: exact labels, and distances before trees."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.tables.frames import to_frame
from tabento.transformers.cluster_similarity import ClusterSimilarity
from tabento.transformers.ratios import Ratios
from tests.tabento.export.tables import (
    assert_same,
    assert_same_branches,
    contract_of,
    number,
)

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


def test_similarities() -> None:
    """Similarities agree up to the exponential's last bits, from a centre to distances that give 0."""
    imputed = make_pipeline(SimpleImputer(), ClusterSimilarity(4, gamma=0.7, random_state=0)).fit(FRAME)
    rows = np.concatenate([ROWS, imputed[-1].centres_, np.full((1, 3), 1e10)])
    assert_same(imputed, CONTRACT, rows, relative=1e-15)


def test_labels_of_clusters() -> None:
    """The nearest centre is exact on centres, halfway between two of them, and for overflowing distances."""
    imputed = make_pipeline(SimpleImputer(), ClusterSimilarity(4, gamma=0.7, random_state=0, label=True)).fit(FRAME)
    centres = imputed[-1].centres_ = np.round(imputed[-1].centres_, 2)
    between = np.array([(first + other) / 2 for first in centres for other in centres])
    rows = np.concatenate([ROWS, between, np.full((1, 3), 1e10), np.full((1, 3), 1e200)])
    assert_same(imputed, CONTRACT, rows, relative=1e-15)
    only_label = ColumnTransformer([("label", "passthrough", [4])])
    assert_same(make_pipeline(imputed, only_label).fit(FRAME), CONTRACT, ROWS, relative=0)


@pytest.mark.parametrize("label", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_similarities_in_front_of_trees_are_distances(scaled: bool, label: bool) -> None:
    """The exponential is folded into the thresholds, after a scaler and next to ratios."""
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
