"""Writes RandomForestRegressor, ExtraTreesRegressor, RandomForestClassifier, ExtraTreesClassifier and RandomTreesEmbedding
of sklearn.ensemble.

Digits: the trees' values are added tree after tree in double and divided by the number of trees, as scikit-learn does
with one job. See ``tabento.export.converters.tree`` for the thresholds.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.converters.tree import cart, label_by_shares, leaf_mask, sum_of_trees, values_at_leaves
from tabento.export.graph.tree_parts import join
from tabento.export.graph.values import Columns, Scores, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.leaves import leaf_numbers, reads_leaves
from tabento.export.registry import classifier, regressor, same_in_float32, transformer

FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)

same_in_float32(*FORESTS, RandomTreesEmbedding)


@regressor(RandomForestRegressor, ExtraTreesRegressor)
def forest_regressor(writer: GraphWriter, model: RandomForestRegressor, columns: Columns) -> str:
    """Write the sum of the trees divided by their number."""
    return _mean(writer, model, columns)


@classifier(RandomForestClassifier, ExtraTreesClassifier)
def forest_classifier(writer: GraphWriter, model: RandomForestClassifier, columns: Columns) -> Scores:
    """Write the mean of the trees' class shares; the label is the first of the largest means."""
    return label_by_shares(writer, model, _mean(writer, model, columns))


def _mean(writer: GraphWriter, model: Any, columns: Columns) -> str:
    total = sum_of_trees(writer, model, [member.tree_ for member in model.estimators_], columns)
    return writer.node("Div", [total, writer.constant(np.full((1, 1), float(len(model.estimators_))), "trees")], "mean")


@transformer(RandomTreesEmbedding)
def random_trees_embedding(writer: GraphWriter, model: RandomTreesEmbedding, columns: Columns) -> Columns:
    """Write one column for each leaf of each tree: 1 for the leaf that a row reaches."""
    writer.require_numbers(columns)
    refuse_missing(writer, columns, "RandomTreesEmbedding")
    fitted = [member.tree_ for member in model.estimators_]
    leaves = [int(leaf_mask(part).sum()) for part in fitted]
    if leaves != [len(categories) for categories in model.one_hot_encoder_.categories_]:
        raise writer.refusal("a leaf that no training row has reached raises", "sample weights above 0")
    starts = np.cumsum([0, *leaves])
    leaf_indices = [start + np.arange(count, dtype=np.float64) for start, count in zip(starts, leaves, strict=False)]
    parts = [cart(part, values_at_leaves(part, indices)) for part, indices in zip(fitted, leaf_indices, strict=True)]
    reached_leaves = writer.trees(columns, join(parts, range(len(parts)), len(parts)), model)
    owner = writer.constant(np.repeat(np.arange(len(parts), dtype=np.int64), leaves), "trees")
    spread = writer.node("Gather", [reached_leaves, owner], "spread", axis=1)
    every = writer.constant(np.arange(starts[-1], dtype=np.float64)[np.newaxis], "leaves")
    value = writer.cast(writer.node("Equal", [spread, every], "hit"))
    return dataclasses.replace(numbers(value, int(starts[-1])), sparse=bool(model.sparse_output))


@reads_leaves(*FORESTS, RandomTreesEmbedding)
def leaves_of_forest(model: Any, X: Any) -> NDArray[np.int64]:
    """Return the leaf of each tree, shape (N, trees)."""
    nodes = model.apply(X)
    return np.stack(
        [leaf_numbers(leaf_mask(member.tree_), nodes[:, index]) for index, member in enumerate(model.estimators_)], 1
    )
