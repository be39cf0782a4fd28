"""Rows on thresholds: every threshold and edge of a pipeline's objects, exactly and from both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.parity.recorded_calls import as_numbers, record_calls
from tabento.parity.rows.split_lines import RowPair, pairs_across, rows_around, sample_indices
from tabento.parity.rows.thresholds import Threshold, float32_boundaries
from tabento.parity.rows.tree_nodes import Nodes, visited_nodes
from tabento.tables.frames import to_frame

SEED = 20
"""The seed of all samples of this module."""


def threshold_rows(
    pipeline: Any, contract: Contract, rows: NDArray[np.float64], thresholds: Sequence[Threshold], max_rows: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return rows on and around the thresholds of a pipeline's objects, wherever in the pipeline they are.

    If an object's column is a numeric feature, unchanged or imputed, the feature is set to the threshold, to the double on
    either side, and to the float32 on either side. If the object compares in float32, the feature is also set to the middle
    between those two and to the double on either side of the middle. If the column is computed (scaled, a ratio, a component,
    another model's answer), the value cannot be set. Then a pair of a row left of the threshold and a row right of it is
    halved, by the pipeline's own arithmetic, until both are neighbours: the last row on one side and the first on the other.

    Three quarters of the rows are for the nodes of trees: each node gets a row that reaches it.

    Args:
        pipeline: fitted.
        contract: the columns.
        rows: float64 of shape (N, F), N at least 1.
        thresholds: the thresholds of the pipeline's objects.
        max_rows: the approximate maximum number of rows; if there are more thresholds, they are sampled.

    Returns:
        Rows on thresholds of features and rows around thresholds of computed columns, float64 of shapes (A, F) and (B, F).
        A threshold outside the contract's ranges, or with all rows on one side, has no rows.
    """
    generator = np.random.default_rng(SEED)
    owners = list({id(threshold.owner): threshold.owner for threshold in thresholds}.values())
    calls = record_calls(pipeline, to_frame(rows, contract), owners) if owners else []
    raw_inputs = {id(owner): call.inputs for owner, call in zip(owners, calls, strict=True) if call is not None}
    inputs = {key: as_numbers(values) for key, values in raw_inputs.items()}
    thresholds = [
        threshold
        for threshold in thresholds
        if id(threshold.owner) in inputs and threshold.column < inputs[id(threshold.owner)].shape[1]
    ]
    feature_of = {
        key: np.array([_feature_index(column, rows, contract) for column in values.T], dtype=np.int64)
        for key, values in inputs.items()
    }
    forests = {id(threshold.owner): (threshold.owner, threshold.trees) for threshold in thresholds if threshold.trees}
    nodes = [
        ensemble_nodes
        for key, (owner, trees) in forests.items()
        for ensemble_nodes in visited_nodes(owner, trees, raw_inputs[key])
    ]
    nodes = [
        forest_nodes.select(forest_nodes.columns < inputs[id(forest_nodes.owner)].shape[1]) for forest_nodes in nodes
    ]
    feature_nodes, node_pairs = _sample_nodes(nodes, feature_of, max_rows * 3 // 8, generator)
    node_rows = _rows_at_nodes(feature_nodes, feature_of, contract, rows)
    room = max_rows - len(node_rows) - 2 * len(node_pairs)
    of_features, of_computed = [], []
    for threshold in thresholds:
        feature = int(feature_of[id(threshold.owner)][threshold.column])
        if feature >= 0:
            of_features.append((feature, threshold))
        else:
            of_computed.append(threshold)
    exact = _rows_on(of_features, contract, rows, room // 2 if of_computed else room, generator)
    pairs = pairs_across(of_computed, inputs, (room - len(exact)) // 2, generator)
    around = rows_around(pipeline, contract, rows, [*node_pairs, *pairs])
    return np.concatenate([node_rows, exact]), around


def _sample_nodes(
    nodes: Sequence[Nodes], feature_of: dict[int, NDArray[np.int64]], maximum: int, generator: np.random.Generator
) -> tuple[list[Nodes], list[RowPair]]:
    """Sample nodes: nodes that compare a feature, and pairs of rows on both sides of the other nodes."""
    is_feature = [feature_of[id(forest_nodes.owner)][forest_nodes.columns] >= 0 for forest_nodes in nodes]
    usable = [
        mask | ((forest_nodes.left >= 0) & (forest_nodes.right >= 0))
        for mask, forest_nodes in zip(is_feature, nodes, strict=True)
    ]
    indices = np.concatenate([np.flatnonzero(part) for part in usable]) if nodes else np.empty(0, dtype=np.intp)
    owner = np.repeat(np.arange(len(nodes)), [int(part.sum()) for part in usable])
    sample = sample_indices(len(indices), maximum, generator)
    feature_nodes, pairs = [], []
    for number, forest_nodes in enumerate(nodes):
        selected = indices[sample[owner[sample] == number]]
        settable = is_feature[number][selected]
        feature_nodes.append(forest_nodes.select(selected[settable]))
        pairs += [
            RowPair(
                forest_nodes.owner,
                int(forest_nodes.columns[index]),
                float(forest_nodes.values[index]),
                int(forest_nodes.left[index]),
                int(forest_nodes.right[index]),
            )
            for index in selected[~settable]
        ]
    return feature_nodes, pairs


def _rows_at_nodes(
    nodes: Sequence[Nodes], feature_of: dict[int, NDArray[np.int64]], contract: Contract, rows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each node a row that reaches it, on its threshold and on the next double."""
    parts = [np.empty((0, rows.shape[1]))]
    for forest_nodes in nodes:
        base = np.where(forest_nodes.left >= 0, forest_nodes.left, forest_nodes.right)
        columns = feature_of[id(forest_nodes.owner)][forest_nodes.columns]
        variants = (forest_nodes.values, np.nextafter(forest_nodes.values, np.inf))
        parts += [_with_values(rows[base], columns, values, contract) for values in variants]
    return np.concatenate(parts)


def _with_values(
    rows: NDArray[np.float64], columns: NDArray[np.int64], values: NDArray[np.float64], contract: Contract
) -> NDArray[np.float64]:
    """Return rows with one column each set to a value, without the rows whose value no client can send."""
    low = np.array([feature.lower for feature in contract.features])[columns]
    high = np.array([feature.upper for feature in contract.features])[columns]
    indices = np.flatnonzero(np.isfinite(values) & (values >= low) & (values <= high))
    changed_rows = rows[indices]
    changed_rows[np.arange(len(indices)), columns[indices]] = values[indices]
    return changed_rows


def _feature_index(column: NDArray[np.float64], rows: NDArray[np.float64], contract: Contract) -> int:
    """Return the index of the numeric feature that equals a column in all rows with a value of the feature, or -1."""
    for index, feature in enumerate(rows.T):
        present = ~np.isnan(feature)
        if contract.features[index].ordered and present.any() and np.array_equal(column[present], feature[present]):
            return index
    return -1


def _rows_on(
    thresholds: list[tuple[int, Threshold]],
    contract: Contract,
    rows: NDArray[np.float64],
    max_rows: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Return rows whose feature is on each threshold and next to it, if the range allows it."""
    if not thresholds:
        return np.empty((0, rows.shape[1]))
    columns = np.concatenate([np.full(len(threshold.values), column) for column, threshold in thresholds])
    values = np.concatenate([threshold.values for _, threshold in thresholds])
    single = np.concatenate([np.full(len(threshold.values), threshold.single) for _, threshold in thresholds])
    sample = sample_indices(len(values), max_rows // (8 if single.any() else 5), generator)
    columns, values, single = columns[sample], values[sample], single[sample]
    lower, upper = float32_boundaries(values)
    with np.errstate(over="ignore", invalid="ignore"):
        middle = np.where(single, lower / 2 + upper / 2, values)
    variants = [values, lower, upper]
    for centre in (values, middle):
        variants += [np.nextafter(centre, -np.inf), centre, np.nextafter(centre, np.inf)]
    pairs = np.unique(np.stack([np.tile(columns, len(variants)), np.concatenate(variants)], axis=1), axis=0)
    columns, values = pairs[:, 0].astype(np.intp), pairs[:, 1]
    return _with_values(rows[np.arange(len(values)) % len(rows)], columns, values, contract)
