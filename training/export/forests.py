"""scikit-learn's decision trees and forests.

They round rows to float32 and compare them with double thresholds. The rounding is taken into the thresholds
(``float32_splits``), so that the graph compares the doubles that it has.

A leaf of a ``TreeEnsemble`` says one number to one target. Where a leaf holds several numbers (classes, outputs) each
tree becomes a target of its own and says the row of a table in which the leaf's numbers stand; the rows are looked up
and added. Growing the trees again for each class would be the other way, but the walk through the trees is what is
dear: RandomForestClassifier(200, max_depth=12) takes 48 µs for a row of two classes and 64 µs for one of three, and
took 90 and 291 µs with a tree per class; 2.8 and 4.5 ms for 100 rows instead of 9.7 and 16.6 ms.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from training.export.arrivals import refuse_missing
from training.export.labels import highest_of_each
from training.export.leaves import numbered, reached_by
from training.export.links import by_probability
from training.export.pen import INT64, Pen
from training.export.raises import require_finite_singles
from training.export.registry import classifier, regressor, safe_in_single, transformer
from training.export.trees import Trees, float32_splits, join, tree
from training.export.values import Columns, Scores, numbers

TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)
FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)

DIGITS_OF_DOUBLE = 53
"""Up to so many binary digits every integer is a double."""

safe_in_single(*TREES, *FORESTS, RandomTreesEmbedding)


def is_leaf(fitted: Any) -> NDArray[np.bool_]:
    """Say which nodes of a fitted ``sklearn.tree._tree.Tree`` are leaves, shape (nodes,)."""
    return np.asarray(fitted.children_left < 0)


def cart(fitted: Any, values: NDArray[np.float64]) -> Trees:
    """Return one tree of a fitted ``sklearn.tree._tree.Tree``.

    Args:
        fitted: the ``tree_`` of a decision tree.
        values: what each node adds if it is a leaf, float64 of shape (nodes,).
    """
    return tree(
        is_leaf(fitted),
        fitted.feature,
        float32_splits(fitted.threshold),
        fitted.missing_go_to_left,
        fitted.children_left,
        fitted.children_right,
        values,
    )


def sum_of_trees(pen: Pen, model: Any, fitted: Sequence[Any], columns: Columns) -> str:
    """Return the sum of what trees say, added tree by tree: shape (N, values per leaf).

    Args:
        pen: what writes.
        model: the estimator to which the trees belong; its leaves are those of the trees, in the order of nodes.
        fitted: ``sklearn.tree._tree.Tree`` of the same classes or outputs.
        columns: what they see.
    """
    takes_missing = not columns.sparse and bool(model.__sklearn_tags__().input_tags.allow_nan)
    require_finite_singles(pen, columns, model, takes_missing=takes_missing)
    # (nodes, outputs, classes); with several outputs of several classes one output's classes stand behind another's.
    values: list[NDArray[np.float64]] = [part.value.reshape(part.node_count, -1) for part in fitted]
    if values[0].shape[1] == 1:
        return pen.trees(
            columns, join([cart(part, own[:, 0]) for part, own in zip(fitted, values, strict=True)]), model
        )
    said = [own[is_leaf(part)] for part, own in zip(fitted, values, strict=True)]
    table = np.concatenate(said)
    digit = len(fitted).bit_length()
    one_output = fitted[0].value.shape[1] == 1
    one_class_each = is_classifier(model) and one_output and len(fitted) > 1 and bool(np.isin(table, (0.0, 1.0)).all())
    if one_class_each and digit * table.shape[1] <= DIGITS_OF_DOUBLE:
        return _votes(pen, model, fitted, columns, digit)
    starts = np.cumsum([0, *(len(own) for own in said)])
    rows_of = [start + np.arange(len(own), dtype=np.float64) for start, own in zip(starts, said, strict=False)]
    parts = [cart(part, _at_leaves(part, own)) for part, own in zip(fitted, rows_of, strict=True)]
    places = pen.trees(columns, join(parts, range(len(parts)), len(parts)), model)
    rows = pen.node("Gather", [pen.constant(table, "leaves"), pen.cast(places, INT64)], "said", axis=0)
    return sum_in_order(pen, rows, len(parts))


def _at_leaves(fitted: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values of the leaves, shape (leaves,), as values of all nodes, shape (nodes,)."""
    spread = np.zeros(fitted.node_count)
    spread[is_leaf(fitted)] = values
    return spread


def _votes(pen: Pen, model: Any, fitted: Sequence[Any], columns: Columns, digit: int) -> str:
    """Return how many trees vote for each class, where each leaf is for one class only: shape (N, classes).

    The counts share one number: class c counts in units of 2 ** (c * digit). All sums are integers below 2 ** 53, so
    they are exact in any order, and so is taking them apart.
    """
    base = 2.0**digit
    parts = [cart(part, base ** part.value[:, 0].argmax(axis=1).astype(np.float64)) for part in fitted]
    total = pen.trees(columns, join(parts), model)
    units = base ** -np.arange(fitted[0].value.shape[2], dtype=np.float64)
    shifted = pen.node("Mul", [total, pen.constant(units[np.newaxis], "units")], "shifted")
    base_constant = pen.constant(np.full((1, 1), base), "base")
    return pen.node("Mod", [pen.node("Floor", [shifted]), base_constant], "votes", fmod=1)


def sum_in_order(pen: Pen, values: str, count: int) -> str:
    """Add along the second axis, first to last: shape (N, count, …) becomes (N, …).

    ``ReduceSum`` adds in blocks where there are many values (from some 512 on, ONNX Runtime 1.31); ``CumSum`` does not.
    """
    axis = np.array(1, dtype=np.int64)
    if count == 1:
        return pen.node("Squeeze", [values, pen.constant(axis[np.newaxis], "axis")], "sum")
    sums = pen.node("CumSum", [values, pen.constant(axis, "axis")], "sums")
    return pen.node("Gather", [sums, pen.constant(np.array(-1, dtype=np.int64), "last")], "sum", axis=1)


@regressor(DecisionTreeRegressor, ExtraTreeRegressor)
def decision_tree_regressor(pen: Pen, model: DecisionTreeRegressor, columns: Columns) -> str:
    """One tree."""
    return sum_of_trees(pen, model, [model.tree_], columns)


@regressor(RandomForestRegressor, ExtraTreesRegressor)
def forest_regressor(pen: Pen, model: RandomForestRegressor, columns: Columns) -> str:
    """The sum of the trees over their number."""
    return _mean(pen, model, columns)


@classifier(DecisionTreeClassifier, ExtraTreeClassifier)
def decision_tree_classifier(pen: Pen, model: DecisionTreeClassifier, columns: Columns) -> Scores:
    """The shares of the classes in a leaf; the first of equal shares is the label."""
    return _by_shares(pen, model, sum_of_trees(pen, model, [model.tree_], columns))


@classifier(RandomForestClassifier, ExtraTreesClassifier)
def forest_classifier(pen: Pen, model: RandomForestClassifier, columns: Columns) -> Scores:
    """The mean of the trees' shares of the classes; the first of equal means is the label."""
    return _by_shares(pen, model, _mean(pen, model, columns))


def _by_shares(pen: Pen, model: Any, said: str) -> Scores:
    """Return the label, or several: each has its own group of columns, as wide as the largest number of classes."""
    if model.n_outputs_ == 1:
        return by_probability(pen, said)
    counts = [int(count) for count in model.n_classes_]
    widest = max(counts)
    return highest_of_each(pen, said, counts, [widest * at for at in range(len(counts))])


def _mean(pen: Pen, model: Any, columns: Columns) -> str:
    total = sum_of_trees(pen, model, [member.tree_ for member in model.estimators_], columns)
    return pen.node("Div", [total, pen.constant(np.full((1, 1), float(len(model.estimators_))), "trees")], "mean")


@transformer(RandomTreesEmbedding)
def random_trees_embedding(pen: Pen, model: RandomTreesEmbedding, columns: Columns) -> Columns:
    """One column per leaf of each tree: 1 for the leaf that a row reaches."""
    pen.require_numbers(columns)
    refuse_missing(pen, columns, "RandomTreesEmbedding")
    fitted = [member.tree_ for member in model.estimators_]
    leaves = [int(is_leaf(part).sum()) for part in fitted]
    if leaves != [len(known) for known in model.one_hot_encoder_.categories_]:
        raise pen.refusal("a leaf that no training row has reached raises", "sample weights above 0")
    starts = np.cumsum([0, *leaves])
    places = [start + np.arange(count, dtype=np.float64) for start, count in zip(starts, leaves, strict=False)]
    parts = [cart(part, _at_leaves(part, own)) for part, own in zip(fitted, places, strict=True)]
    reached = pen.trees(columns, join(parts, range(len(parts)), len(parts)), model)
    owner = pen.constant(np.repeat(np.arange(len(parts), dtype=np.int64), leaves), "trees")
    spread = pen.node("Gather", [reached, owner], "spread", axis=1)
    every = pen.constant(np.arange(starts[-1], dtype=np.float64)[np.newaxis], "leaves")
    value = pen.cast(pen.node("Equal", [spread, every], "hit"))
    return dataclasses.replace(numbers(value, int(starts[-1])), sparse=bool(model.sparse_output))


@reached_by(*TREES)
def leaf_of_tree(model: Any, X: Any) -> NDArray[np.int64]:
    """The leaf of the one tree, shape (N, 1)."""
    return numbered(is_leaf(model.tree_), model.apply(X))[:, np.newaxis]


@reached_by(*FORESTS, RandomTreesEmbedding)
def leaves_of_forest(model: Any, X: Any) -> NDArray[np.int64]:
    """The leaf of each tree, shape (N, trees)."""
    nodes = model.apply(X)
    return np.stack([numbered(is_leaf(member.tree_), nodes[:, at]) for at, member in enumerate(model.estimators_)], 1)
