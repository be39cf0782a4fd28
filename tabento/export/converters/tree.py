"""Writes DecisionTreeRegressor, ExtraTreeRegressor, DecisionTreeClassifier and ExtraTreeClassifier of sklearn.tree.

scikit-learn rounds rows to float32 and compares them with double thresholds. The graph compares doubles: the rounding is
moved into the thresholds (``float32_splits``).

A leaf of a ``TreeEnsemble`` adds one number to one target. If a leaf holds several numbers (classes, outputs), each tree
becomes a target of its own and returns the row of a table that holds the leaf's numbers; the rows are looked up and added.
The alternative is a copy of the trees for each class, but the walk through the trees is expensive:
RandomForestClassifier(200, max_depth=12) takes 48 µs for a row of two classes and 64 µs for one of three, and took 90 and
291 µs with a tree for each class; 2.8 and 4.5 ms for 100 rows instead of 9.7 and 16.6 ms.

Digits: exact branches; values are added tree after tree in double.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from tabento.export.analysis.raised_errors import require_float32_range
from tabento.export.formulas.class_indices import labels_of_groups
from tabento.export.formulas.links import scores_by_probability
from tabento.export.graph.float32_splits import float32_splits
from tabento.export.graph.tree_parts import join
from tabento.export.graph.trees import Trees, tree
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import INT64, GraphWriter
from tabento.export.leaves import leaf_numbers, reads_leaves
from tabento.export.registry import classifier, regressor, same_in_float32

TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)

DIGITS_OF_DOUBLE = 53
"""Every integer of up to this number of binary digits is a double."""

same_in_float32(*TREES)


def leaf_mask(fitted: Any) -> NDArray[np.bool_]:
    """Return a mask of the leaves of a fitted ``sklearn.tree._tree.Tree``, shape (nodes,)."""
    return np.asarray(fitted.children_left < 0)


def cart(fitted: Any, values: NDArray[np.float64]) -> Trees:
    """Return one tree of a fitted ``sklearn.tree._tree.Tree``.

    Args:
        fitted: the ``tree_`` of a decision tree.
        values: what each node adds if it is a leaf, float64 of shape (nodes,).
    """
    return tree(
        leaf_mask(fitted),
        fitted.feature,
        float32_splits(fitted.threshold),
        fitted.missing_go_to_left,
        fitted.children_left,
        fitted.children_right,
        values,
    )


def sum_of_trees(writer: GraphWriter, model: Any, fitted: Sequence[Any], columns: Columns) -> str:
    """Return the sum of the values of several trees, added tree by tree: shape (N, values of a leaf).

    Args:
        writer: the writer of the graph.
        model: the estimator that the trees belong to; its leaves are those of the trees, in the order of nodes.
        fitted: ``sklearn.tree._tree.Tree`` of the same classes or outputs.
        columns: the inputs of the trees.
    """
    takes_missing = not columns.sparse and bool(model.__sklearn_tags__().input_tags.allow_nan)
    require_float32_range(writer, columns, model, takes_missing=takes_missing)
    # (nodes, outputs, classes); with several outputs of several classes, the classes of one output follow those of another.
    values: list[NDArray[np.float64]] = [part.value.reshape(part.node_count, -1) for part in fitted]
    if values[0].shape[1] == 1:
        return writer.trees(
            columns,
            join([cart(part, node_values[:, 0]) for part, node_values in zip(fitted, values, strict=True)]),
            model,
        )
    leaf_values = [node_values[leaf_mask(part)] for part, node_values in zip(fitted, values, strict=True)]
    table = np.concatenate(leaf_values)
    digit = len(fitted).bit_length()
    one_output = fitted[0].value.shape[1] == 1
    one_class_each = is_classifier(model) and one_output and len(fitted) > 1 and bool(np.isin(table, (0.0, 1.0)).all())
    if one_class_each and digit * table.shape[1] <= DIGITS_OF_DOUBLE:
        return _votes(writer, model, fitted, columns, digit)
    starts = np.cumsum([0, *(len(node_values) for node_values in leaf_values)])
    rows_of = [
        start + np.arange(len(node_values), dtype=np.float64)
        for start, node_values in zip(starts, leaf_values, strict=False)
    ]
    parts = [cart(part, values_at_leaves(part, node_values)) for part, node_values in zip(fitted, rows_of, strict=True)]
    leaf_rows = writer.trees(columns, join(parts, range(len(parts)), len(parts)), model)
    rows = writer.node("Gather", [writer.constant(table, "leaves"), writer.cast(leaf_rows, INT64)], "said", axis=0)
    return sum_in_order(writer, rows, len(parts))


def values_at_leaves(fitted: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values of the leaves, shape (leaves,), as values of all nodes, shape (nodes,)."""
    spread = np.zeros(fitted.node_count)
    spread[leaf_mask(fitted)] = values
    return spread


def _votes(writer: GraphWriter, model: Any, fitted: Sequence[Any], columns: Columns, digit: int) -> str:
    """Return the number of trees that vote for each class, if each leaf is pure: shape (N, classes).

    The counts share one number: class c is counted in units of 2 ** (c * digit). All sums are integers below 2 ** 53, so
    they are exact in any order, and so is their decomposition.
    """
    base = 2.0**digit
    parts = [cart(part, base ** part.value[:, 0].argmax(axis=1).astype(np.float64)) for part in fitted]
    total = writer.trees(columns, join(parts), model)
    units = base ** -np.arange(fitted[0].value.shape[2], dtype=np.float64)
    shifted = writer.node("Mul", [total, writer.constant(units[np.newaxis], "units")], "shifted")
    base_constant = writer.constant(np.full((1, 1), base), "base")
    return writer.node("Mod", [writer.node("Floor", [shifted]), base_constant], "votes", fmod=1)


def sum_in_order(writer: GraphWriter, values: str, count: int) -> str:
    """Return the sum along the second axis, first to last: shape (N, count, …) becomes (N, …).

    ``ReduceSum`` adds in blocks from about 512 values on (ONNX Runtime 1.31); ``CumSum`` does not.
    """
    axis = np.array(1, dtype=np.int64)
    if count == 1:
        return writer.node("Squeeze", [values, writer.constant(axis[np.newaxis], "axis")], "sum")
    sums = writer.node("CumSum", [values, writer.constant(axis, "axis")], "sums")
    return writer.node("Gather", [sums, writer.constant(np.array(-1, dtype=np.int64), "last")], "sum", axis=1)


@regressor(DecisionTreeRegressor, ExtraTreeRegressor)
def decision_tree_regressor(writer: GraphWriter, model: DecisionTreeRegressor, columns: Columns) -> str:
    """Write one tree."""
    return sum_of_trees(writer, model, [model.tree_], columns)


@classifier(DecisionTreeClassifier, ExtraTreeClassifier)
def decision_tree_classifier(writer: GraphWriter, model: DecisionTreeClassifier, columns: Columns) -> Scores:
    """Write the class shares of a leaf; the label is the first of the largest shares."""
    return label_by_shares(writer, model, sum_of_trees(writer, model, [model.tree_], columns))


def label_by_shares(writer: GraphWriter, model: Any, class_shares: str) -> Scores:
    """Return the label, or several labels: each has a group of columns as wide as the largest number of classes."""
    if model.n_outputs_ == 1:
        return scores_by_probability(writer, class_shares)
    counts = [int(count) for count in model.n_classes_]
    widest = max(counts)
    return labels_of_groups(writer, class_shares, counts, [widest * index for index in range(len(counts))])


@reads_leaves(*TREES)
def leaf_of_tree(model: Any, X: Any) -> NDArray[np.int64]:
    """Return the leaf of the tree, shape (N, 1)."""
    return leaf_numbers(leaf_mask(model.tree_), model.apply(X))[:, np.newaxis]
