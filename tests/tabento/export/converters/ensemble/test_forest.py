"""Forests: float32 rows, leaves of several numbers, sums in scikit-learn's order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.export import export_pipeline, serialise
from tabento.export.errors import ExportError
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, contract_of, number
from tests.tabento.export.tree_graphs import check, labels, numbers, table, target

X = table()
HOLES = table(missing=0.1)


REGRESSORS = [
    RandomForestRegressor(90, max_depth=6, random_state=0),
    ExtraTreesRegressor(20, max_leaf_nodes=30, random_state=0),
]
CLASSIFIERS = [
    RandomForestClassifier(90, max_depth=5, random_state=0, class_weight="balanced"),
    ExtraTreesClassifier(20, max_depth=9, random_state=0, bootstrap=True),
]


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda model: type(model).__name__)
def test_regressors_answer_bit_for_bit(model: Any) -> None:
    """Every row takes the same side of every split, also on the thresholds and next to them in float32."""
    check(model.fit(X, target(X)), table(seed=5))


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("names", [("no", "yes"), (7, 3, 5)], ids=["strings", "integers"])
def test_classifiers_answer_bit_for_bit(model: Any, names: tuple[Any, ...]) -> None:
    """Probabilities are the same doubles, and the label is the first of the most probable classes."""
    check(model.fit(X, labels(X, *names)), table(seed=5))


def test_several_outputs() -> None:
    """Each output is a column of its own."""
    y, model = target(X), RandomForestRegressor(30, random_state=0)
    graph = check(model.fit(X, np.stack([y, -3 * y, np.abs(y)], axis=1)), table(seed=5))
    assert graph.answers(X)["values"].shape == (len(X), 3)
    check(model.fit(X, np.stack([y > 0, y > 1, y < -1], axis=1).astype(float)), table(seed=5))


@pytest.mark.parametrize("model", [RandomForestRegressor(15, random_state=0), ExtraTreesClassifier(15, random_state=0)])
def test_missing_values_take_the_learned_side(model: Any) -> None:
    """NaN takes the side that the training rows with missing values took."""
    check(model.fit(HOLES, labels(HOLES, 0, 1)), table(seed=5, missing=0.2))


def test_ties_go_to_the_first_class() -> None:
    """If all classes are equally probable, the label is the first class, as with argmax."""
    rows = np.repeat(np.arange(4.0), 3)[:, np.newaxis] * np.ones((1, 5))
    model = RandomForestClassifier(6, random_state=0, bootstrap=False).fit(rows, np.tile(["c", "a", "b"], 4))
    assert (model.predict(rows) == "a").any()
    check(model, rows)


def test_trees_of_one_leaf() -> None:
    """A forest of single leaves is exported."""
    check(RandomForestRegressor(5, max_depth=1, min_samples_leaf=len(X), random_state=0).fit(X, target(X)), X[:60])
    check(RandomForestClassifier(5, min_samples_leaf=len(X), random_state=0).fit(X, labels(X, 0, 1, 2)), X[:60])


def test_sample_weights_and_warm_start() -> None:
    """Trees that were added later, and leaves of weighted shares, are exported."""
    weights: NDArray[np.float64] = np.random.default_rng(3).random(len(X))
    model = RandomForestClassifier(5, max_depth=6, warm_start=True, random_state=0)
    model.fit(X, labels(X, 0, 1, 2), sample_weight=weights)
    check(model.set_params(n_estimators=12).fit(X, labels(X, 0, 1, 2), sample_weight=weights), table(seed=5))


def test_many_trees_are_added_in_order() -> None:
    """Sums of 600 trees and 4 classes equal sums that are added tree after tree."""
    model = RandomForestClassifier(600, max_depth=3, max_samples=0.3, random_state=0)
    rows = table(300, seed=5)
    check(model.fit(X, labels(X, *"abcd")), rows, numbers(5), rows)


@pytest.mark.parametrize("classes", [2, 3, 10, 11])
@pytest.mark.parametrize("trees", [2, 31, 32])
def test_votes(classes: int, trees: int) -> None:
    """Pure leaves are counted in one number; too many classes for one number are looked up."""
    model = RandomForestClassifier(trees, random_state=0).fit(X, labels(X, *range(classes)))
    rows = table(300, seed=5)
    graph = check(model, rows, numbers(5), rows)
    counted = trees.bit_length() * classes <= 53
    assert (graph.trees[0].n_targets == 1) == counted


def test_embedding_by_leaves() -> None:
    """The embedding has one column for each leaf of each tree, sparse or dense; the proof compares the leaves."""
    contract = contract_of(*(number(f"x{index}") for index in range(X.shape[1])))
    frame = to_frame(X[:200], contract)
    for sparse in (True, False):
        model = RandomTreesEmbedding(6, max_depth=3, sparse_output=sparse, random_state=0)
        assert_same(model.fit(frame), contract, table(seed=5)[:300])
    behind = make_pipeline(StandardScaler(), model, Ridge()).fit(frame, target(X)[:200])
    graph = serialise(export_pipeline(behind, contract))
    report = check_parity(behind, graph, contract, to_frame(table(seed=5)[:100], contract), max_rows=800)
    assert (report.trees, report.other_branches) == (6, 0)
    nullable = contract_of(*(number(f"x{index}", nullable=True) for index in range(X.shape[1])))
    with pytest.raises(ExportError, match="missing value"):
        export_pipeline(make_pipeline(model, Ridge()).fit(frame, target(X)[:200]), nullable)
