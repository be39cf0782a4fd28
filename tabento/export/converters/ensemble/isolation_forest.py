"""Writes IsolationForest of sklearn.ensemble, as a classifier of outliers (label 0) and ordinary rows (label 1).

The score falls with the depths at which the trees isolate a row (Liu, Ting, Zhou: Isolation Forest, ICDM 2008). The
graph compares the sum of the depths: the threshold of the score is converted to a threshold of the depths, here, with
NumPy's own power.

Digits: depths are added in double, tree after tree; no power is computed in the graph, so the label is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

from tabento.export.converters.tree import cart, leaf_mask
from tabento.export.graph.tree_parts import join
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.leaves import leaf_numbers, reads_leaves
from tabento.export.registry import classifier, same_in_float32

HALVINGS = 2_100
"""More halvings than any two doubles need until they are neighbours: the exponent has 2,046 values, the fraction 52 bits."""

same_in_float32(IsolationForest)


@classifier(IsolationForest)
def isolation_forest(writer: GraphWriter, model: IsolationForest, columns: Columns) -> Scores:
    """Write the sum of the depths at which the trees isolate a row, compared with the smallest sum of an ordinary row."""
    writer.require_numbers(columns)
    parts = []
    for member, features in zip(model.estimators_, model.estimators_features_, strict=True):
        tree = member.tree_
        depths = tree.compute_node_depths() + _average_path_length(tree.n_node_samples) - 1.0
        part = cart(tree, np.asarray(depths, dtype=np.float64))
        part.features = np.asarray(features, dtype=np.int64)[part.features]
        if columns.sparse:
            # scikit-learn compares NaN in a sparse row like a number, and NaN is never below a threshold.
            part.missing = np.zeros_like(part.missing)
        parts.append(part)
    depths = writer.trees(columns, join(parts), model)
    first = _first_ordinary(model)
    ordinary = writer.node("GreaterOrEqual", [depths, writer.constant(np.full((1, 1), first), "ordinary")], "ordinary")
    return Scores(writer.cast(ordinary))


def _first_ordinary(model: IsolationForest) -> float:
    """Return the smallest sum of depths that is not an outlier, infinity if every sum is an outlier."""
    denominator = len(model.estimators_) * float(_average_path_length([model._max_samples])[0])

    def is_ordinary(depth: float) -> bool:
        depths = np.array([depth])
        quotient = np.divide(depths, denominator, out=np.ones_like(depths), where=denominator != 0)
        return not bool((-(2 ** (-quotient)) - model.offset_)[0] < 0)

    return first_true(is_ordinary, -1.0, float(np.finfo(np.float64).max))


def first_true(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return the smallest double between two limits at which a rising condition holds; infinity if it never holds.

    Args:
        holds: the condition, false up to some double and true from there on.
        low: the lower limit, which is returned if the condition holds there.
        high: a double above every value of interest.
    """
    if holds(low):
        return low
    if not holds(high):
        return float(np.inf)
    for _ in range(HALVINGS):
        middle = low / 2 + high / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


@reads_leaves(IsolationForest)
def leaves_of_isolation(model: IsolationForest, X: Any) -> NDArray[np.int64]:
    """Return the leaf of each tree, shape (N, trees); a tree may use only some of the columns."""
    # float32 without a check, as in the forest, which accepts infinity.
    values = X.astype(np.float32) if sparse.issparse(X) else np.asarray(X, dtype=np.float32)
    reached_leaves = []
    for member, features in zip(model.estimators_, model.estimators_features_, strict=True):
        nodes = member.apply(values[:, features], check_input=False)
        reached_leaves.append(leaf_numbers(leaf_mask(member.tree_), nodes))
    return np.stack(reached_leaves, axis=1)
