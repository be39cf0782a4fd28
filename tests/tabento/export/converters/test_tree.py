"""Decision trees: float32 rows, leaves of several numbers, sums in scikit-learn's order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from tabento.export.errors import ExportError
from tests.tabento.export.tree_graphs import check, labels, numbers, table, target

X = table()
REGRESSORS = [
    DecisionTreeRegressor(max_depth=7),
    DecisionTreeRegressor(criterion="absolute_error", max_depth=4, monotonic_cst=[1, 0, 0, 0, 0]),
    ExtraTreeRegressor(random_state=0),
]
CLASSIFIERS = [
    DecisionTreeClassifier(max_depth=5),
    ExtraTreeClassifier(max_depth=8, random_state=0),
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


def test_missing_values_that_training_did_not_have() -> None:
    """If training had no missing values, NaN takes the side of most rows."""
    check(DecisionTreeRegressor(max_depth=6).fit(X, target(X)), table(seed=5, missing=0.2))


@pytest.mark.parametrize("model", [DecisionTreeRegressor(max_depth=6)])
def test_several_outputs(model: Any) -> None:
    """Each output is a column of its own."""
    y = target(X)
    graph = check(model.fit(X, np.stack([y, -3 * y, np.abs(y)], axis=1)), table(seed=5))
    assert graph.answers(X)["values"].shape == (len(X), 3)
    check(model.fit(X, np.stack([y > 0, y > 1, y < -1], axis=1).astype(float)), table(seed=5))


def test_one_class() -> None:
    """A classifier of one class answers it with probability 1."""
    check(DecisionTreeClassifier().fit(X, np.full(len(X), "only")), X[:50])


def test_flags_for_missing_values_are_spared() -> None:
    """If the contract excludes missing values, no node tests for NaN."""
    graph = check(DecisionTreeRegressor(max_depth=6).fit(X, target(X)), X, numbers(5, nullable=False), X)
    assert not graph.trees[0].missing.any()


def test_several_labels_are_refused() -> None:
    """A tree with several labels for a row is refused."""
    model = DecisionTreeClassifier(max_depth=2).fit(X, np.stack([labels(X, 0, 1), labels(X, 0, 1)], axis=1))
    with pytest.raises(ExportError, match=r"2 labels to a row.*one classifier per label"):
        check(model, X)
