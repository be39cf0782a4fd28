"""Decision trees and forests: float32 rows, leaves of several numbers, sums in scikit-learn's order."""

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
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from tests.training.export.grown import check, labels, numbers, table, target
from tests.training.export.tables import assert_same, contract_of, number
from training.export import export_pipeline, serialise
from training.export.errors import ExportError
from training.frames import to_frame
from training.parity import check_parity

X = table()
HOLES = table(missing=0.1)
REGRESSORS = [
    DecisionTreeRegressor(max_depth=7),
    DecisionTreeRegressor(criterion="absolute_error", max_depth=4, monotonic_cst=[1, 0, 0, 0, 0]),
    ExtraTreeRegressor(random_state=0),
    RandomForestRegressor(90, max_depth=6, random_state=0),
    ExtraTreesRegressor(20, max_leaf_nodes=30, random_state=0),
]
CLASSIFIERS = [
    DecisionTreeClassifier(max_depth=5),
    ExtraTreeClassifier(max_depth=8, random_state=0),
    RandomForestClassifier(90, max_depth=5, random_state=0, class_weight="balanced"),
    ExtraTreesClassifier(20, max_depth=9, random_state=0, bootstrap=True),
]


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda model: type(model).__name__)
def test_regressors_answer_bit_for_bit(model: Any) -> None:
    """Every row takes the same side of every split, in rows on the thresholds and around their float32 neighbours."""
    check(model.fit(X, target(X)), table(seed=5))


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("names", [("no", "yes"), (7, 3, 5)], ids=["strings", "integers"])
def test_classifiers_answer_bit_for_bit(model: Any, names: tuple[Any, ...]) -> None:
    """Probabilities are the same doubles, and the label is the first of the most probable."""
    check(model.fit(X, labels(X, *names)), table(seed=5))


@pytest.mark.parametrize("model", [RandomForestRegressor(15, random_state=0), ExtraTreesClassifier(15, random_state=0)])
def test_missing_values_take_the_learned_side(model: Any) -> None:
    """Where training rows had missing values, NaN goes where it went."""
    check(model.fit(HOLES, labels(HOLES, 0, 1)), table(seed=5, missing=0.2))


def test_missing_values_that_training_did_not_have() -> None:
    """Where training rows had none, NaN goes to the side of most rows."""
    check(DecisionTreeRegressor(max_depth=6).fit(X, target(X)), table(seed=5, missing=0.2))


@pytest.mark.parametrize("model", [DecisionTreeRegressor(max_depth=6), RandomForestRegressor(30, random_state=0)])
def test_several_outputs(model: Any) -> None:
    """Each output is a column of its own."""
    y = target(X)
    written = check(model.fit(X, np.stack([y, -3 * y, np.abs(y)], axis=1)), table(seed=5))
    assert written.answers(X)["values"].shape == (len(X), 3)
    check(model.fit(X, np.stack([y > 0, y > 1, y < -1], axis=1).astype(float)), table(seed=5))


def test_ties_go_to_the_first_class() -> None:
    """Where all classes are equally probable, the first is the label, as argmax has it."""
    rows = np.repeat(np.arange(4.0), 3)[:, np.newaxis] * np.ones((1, 5))
    model = RandomForestClassifier(6, random_state=0, bootstrap=False).fit(rows, np.tile(["c", "a", "b"], 4))
    assert (model.predict(rows) == "a").any()
    check(model, rows)


def test_one_class() -> None:
    """A classifier that has seen one class says it with certainty."""
    check(DecisionTreeClassifier().fit(X, np.full(len(X), "only")), X[:50])


def test_trees_of_one_leaf() -> None:
    """A forest that learned nothing is a row of leaves."""
    check(RandomForestRegressor(5, max_depth=1, min_samples_leaf=len(X), random_state=0).fit(X, target(X)), X[:60])
    check(RandomForestClassifier(5, min_samples_leaf=len(X), random_state=0).fit(X, labels(X, 0, 1, 2)), X[:60])


def test_sample_weights_and_warm_start() -> None:
    """Trees that were added later, and leaves of weighted shares, are exported as they are."""
    weights: NDArray[np.float64] = np.random.default_rng(3).random(len(X))
    model = RandomForestClassifier(5, max_depth=6, warm_start=True, random_state=0)
    model.fit(X, labels(X, 0, 1, 2), sample_weight=weights)
    check(model.set_params(n_estimators=12).fit(X, labels(X, 0, 1, 2), sample_weight=weights), table(seed=5))


def test_many_trees_are_added_in_order() -> None:
    """Sums of 600 trees and 4 classes are the sums that adding one after the other gives."""
    model = RandomForestClassifier(600, max_depth=3, max_samples=0.3, random_state=0)
    check(model.fit(X, labels(X, *"abcd")), table(300, seed=5))


def test_flags_for_missing_values_are_spared() -> None:
    """Where the contract promises that nothing is missing, no node asks for NaN."""
    written = check(DecisionTreeRegressor(max_depth=6).fit(X, target(X)), X, numbers(5, nullable=False), X)
    assert not written.trees[0].missing.any()


def test_several_labels_are_refused() -> None:
    """A row gets one label."""
    model = DecisionTreeClassifier(max_depth=2).fit(X, np.stack([labels(X, 0, 1), labels(X, 0, 1)], axis=1))
    with pytest.raises(ExportError, match=r"2 labels to a row.*one classifier per label"):
        check(model, X)


@pytest.mark.parametrize("classes", [2, 3, 10, 11])
@pytest.mark.parametrize("trees", [2, 31, 32])
def test_votes(classes: int, trees: int) -> None:
    """Where each leaf is for one class only, votes are counted; too many classes for one number are looked up."""
    model = RandomForestClassifier(trees, random_state=0).fit(X, labels(X, *range(classes)))
    written = check(model, table(300, seed=5))
    counted = trees.bit_length() * classes <= 53
    assert (written.trees[0].n_targets == 1) == counted


def test_embedding_by_leaves() -> None:
    """One column for each leaf of each tree, sparse or dense; the proof compares the leaves."""
    contract = contract_of(*(number(f"x{at}") for at in range(X.shape[1])))
    frame = to_frame(X[:200], contract)
    for sparse in (True, False):
        model = RandomTreesEmbedding(6, max_depth=3, sparse_output=sparse, random_state=0)
        assert_same(model.fit(frame), contract, table(seed=5)[:300])
    behind = make_pipeline(StandardScaler(), model, Ridge()).fit(frame, target(X)[:200])
    graph = serialise(export_pipeline(behind, contract))
    report = check_parity(behind, graph, contract, to_frame(table(seed=5)[:100], contract), max_rows=800)
    assert (report.trees, report.other_branches) == (6, 0)
    nullable = contract_of(*(number(f"x{at}", nullable=True) for at in range(X.shape[1])))
    with pytest.raises(ExportError, match="missing value"):
        export_pipeline(make_pipeline(model, Ridge()).fit(frame, target(X)[:200]), nullable)
