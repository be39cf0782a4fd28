"""Folding: the pass that moves functions between the packed rows and the trees into the thresholds of the trees.

A tree only tests on which side of a threshold a value is. A monotone function before a tree can therefore be removed if
its inverse is applied to the thresholds. For functions whose last bit differs between libraries (exp, log, powers) this
is also necessary for an exact graph: a threshold of scikit-learn can be equal to the value of a training row, and with
another last bit the row would take the other branch. The new thresholds are found by bisection over the doubles. The
bisection evaluates the pipeline's own function, so each row takes the same branch as in the pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.export.analysis.contract_passes import never_missing
from tabento.export.analysis.ranges import column_range
from tabento.export.formulas.lookup import StepFunction, step_functions_as_trees
from tabento.export.formulas.preimages import crossings, preimages, turned_crossings
from tabento.export.graph.facts import Monotone
from tabento.export.graph.graph import TREE_DOMAIN, Graph
from tabento.export.graph.origins import is_gather, is_imputation
from tabento.export.graph.trees import Trees


def fold_into_trees(contract: Contract) -> Callable[[Graph], bool]:
    """Return the pass that connects each tree ensemble to values as close to the packed rows as possible."""

    def run(graph: Graph) -> bool:
        changed = False
        for node in graph.nodes:
            if node.domain == TREE_DOMAIN and node.op_type == "TreeEnsemble":
                changed |= _fold_ensemble(graph, node, contract)
        return changed

    return run


def _fold_ensemble(graph: Graph, node: Any, contract: Contract) -> bool:
    """Move the trees of one ensemble one node closer to the packed rows, for each part of their input."""
    parts = _parts(graph, node.input[0])
    widths = [graph.width(part) for part in parts]
    if any(width is None for width in widths):
        return False
    trees = graph.trees_of(node).copy()
    starts = np.cumsum([0, *(width for width in widths if width is not None)])
    part_of = np.searchsorted(starts, trees.features, side="right") - 1
    column_of = trees.features - starts[part_of]
    inputs: list[str] = []
    input_of = np.zeros(len(part_of), dtype=np.int64)
    changed = False
    for number, part in enumerate(parts):
        selected = np.flatnonzero(part_of == number)
        changed |= not len(selected)
        for value, nodes in _step_back(graph, node, part, trees, selected, column_of, contract):
            changed |= value != part
            read_columns = np.unique(column_of[nodes])
            if trees.missing[nodes].any() and never_missing(graph, value, contract, read_columns):
                trees.missing[nodes] = 0
                changed = True
            if value not in inputs:
                inputs.append(value)
            input_of[nodes] = inputs.index(value)
    if not changed:
        return False
    lengths = [graph.width(value) for value in inputs]
    if None in lengths:
        return False
    offsets = np.cumsum([0, *(length for length in lengths if length is not None)])
    trees.features = offsets[input_of] + column_of
    new_input = inputs[0] if len(inputs) == 1 else graph.add("Concat", inputs, "features", before=node, axis=1)
    graph.feed_trees(node, new_input, trees)
    return True


def _step_back(
    graph: Graph,
    reader: Any,
    part: str,
    trees: Trees,
    selected: NDArray[np.int64],
    column_of: NDArray[np.int64],
    contract: Contract,
) -> list[tuple[str, NDArray[np.int64]]]:
    """Move tree nodes before the operator that computes a part of the trees' input.

    Args:
        graph: the graph.
        reader: the ensemble's node.
        part: the part of the input.
        trees: the trees; changed in place.
        selected: indices of the tree nodes that read the part.
        column_of: for each tree node the column of its part; changed in place.
        contract: the contract of the rows.

    Returns:
        Pairs of a value and the indices of the tree nodes that read it now. It is ``part`` itself if nothing can be moved.
    """
    if not len(selected):
        return []
    fact, producer = graph.monotone.get(part), graph.producer(part)
    if fact is not None:
        is_moved, counters = _move_before_function(graph, fact, trees, selected, column_of, contract)
        is_counted = np.isin(column_of[selected], list(counters))
        sides = [(fact.source, selected[is_moved]), (part, selected[~is_moved & ~is_counted])]
        if counters:
            order = list(counters)
            value = _count_crossings(graph, reader, fact.source, counters)
            sides.append((value, selected[is_counted]))
            column_of[selected[is_counted]] = [order.index(column) for column in column_of[selected[is_counted]]]
        return [(value, nodes) for value, nodes in sides if len(nodes)]
    is_selection = producer is not None and is_gather(graph, producer) and graph.constants[producer.input[1]].ndim == 1
    # The columns can be renumbered only if the width of the source is known.
    if producer is not None and is_selection and graph.width(producer.input[0]) is not None:
        column_of[selected] = graph.constants[producer.input[1]][column_of[selected]]
        return [(producer.input[0], selected)]
    if producer is not None and trees.is_threshold()[selected].all() and _hides_function(graph, producer):
        return [(_move_before_imputation(graph, producer, trees, selected, column_of), selected)]
    return [(part, selected)]


def _parts(graph: Graph, value: str) -> list[str]:
    """Return the parts of a Concat, with inner Concats replaced by their parts; other values are one part."""
    producer = graph.producer(value)
    if producer is None or producer.op_type != "Concat":
        return [value]
    return [part for name in producer.input for part in _parts(graph, name)]


def _move_before_function(
    graph: Graph,
    fact: Monotone,
    trees: Trees,
    selected: NDArray[np.int64],
    column_of: NDArray[np.int64],
    contract: Contract,
) -> tuple[NDArray[np.bool_], dict[int, StepFunction]]:
    """Move tree nodes before a monotone function, column by column.

    If the function decreases, the two sides of a node are exchanged, because the left side holds the larger arguments. If
    the function is not exactly monotone, the nodes read the number of thresholds below its value instead.

    Returns:
        The mask of the tree nodes that were moved, and by column the function that counts thresholds.
    """
    is_threshold = trees.is_threshold()[selected]
    is_moved = np.zeros(len(selected), dtype=bool)
    counters: dict[int, StepFunction] = {}
    for column in np.unique(column_of[selected]).tolist():
        in_column = column_of[selected] == column
        if not is_threshold[in_column].all():
            continue
        nodes, function = selected[in_column], fact.functions[column]
        distinct, ranks = np.unique(trees.splits[nodes], return_inverse=True)
        if not _is_in_domain(graph, fact, column, contract):
            counter = _counter_between_turning_points(graph, fact, column, contract, distinct)
            if counter is not None:
                counters[column] = counter
                trees.splits[nodes] = ranks
            continue
        new_thresholds, monotone = preimages(
            distinct, function, fact.domain, increasing=fact.increasing, certain=fact.certain
        )
        if not monotone:
            counter = crossings(distinct, function, fact.domain, increasing=fact.increasing)
            if counter is not None:
                counters[column] = counter
                trees.splits[nodes] = ranks
            continue
        is_moved[in_column] = True
        trees.splits[nodes] = new_thresholds[ranks]
        if not fact.increasing:
            trees.missing[nodes] = 1 - trees.missing[nodes]
            for left, right in ((trees.true, trees.false), (trees.true_leaf, trees.false_leaf)):
                left[nodes], right[nodes] = right[nodes], left[nodes].copy()
    return is_moved, counters


def _count_crossings(graph: Graph, reader: Any, source: str, counters: Mapping[int, StepFunction]) -> str:
    """Write trees before a reader that compute for some columns the number of thresholds below a function's value."""
    columns = graph.constant(np.array(list(counters), dtype=np.int64), "columns")
    selection = graph.add("Gather", [source, columns], "picked", before=reader, axis=1)
    trees = step_functions_as_trees(list(counters.values()))
    return graph.add_trees(selection, trees, "crossings", before=reader)


def _is_in_domain(graph: Graph, fact: Monotone, column: int, contract: Contract) -> bool:
    """Return whether the contract keeps a column of the function's argument within its domain."""
    low, high = fact.domain
    if np.isinf(low) and np.isinf(high):
        return True
    argument_range = column_range(graph, fact.source, column, contract)
    return argument_range is not None and low <= argument_range[0] and argument_range[1] <= high


def _counter_between_turning_points(
    graph: Graph, fact: Monotone, column: int, contract: Contract, thresholds: NDArray[np.float64]
) -> StepFunction | None:
    """Return the step function that counts the thresholds below a function with turning points, or None."""
    if fact.turning_points is None:
        return None
    domain = column_range(graph, fact.source, column, contract) or (-np.inf, np.inf)
    points = fact.turning_points.within(*domain)
    if points is None:
        return None
    return turned_crossings(thresholds, fact.functions[column], domain, points, flat=fact.turning_points.flat)


def _move_before_imputation(
    graph: Graph, producer: Any, trees: Trees, selected: NDArray[np.int64], column_of: NDArray[np.int64]
) -> str:
    """Move tree nodes before an imputation: a missing value takes the side that its statistic would take."""
    statistic = graph.constants[producer.input[1]].ravel()[column_of[selected]]
    side = (statistic <= trees.splits[selected]).astype(np.int64)
    trees.missing[selected] = np.where(np.isnan(statistic), trees.missing[selected], side)
    return str(producer.input[2])


def _hides_function(graph: Graph, producer: Any) -> bool:
    """Return whether a node imputes the result of a monotone function, which folding can then reach."""
    return is_imputation(graph, producer) and _holds_function(graph, producer.input[2])


def _holds_function(graph: Graph, value: str) -> bool:
    """Return whether a column of a value is the result of a monotone function, or is selected from one."""
    for part in _parts(graph, value):
        producer = graph.producer(part)
        is_selection = producer is not None and is_gather(graph, producer)
        if part in graph.monotone or (
            producer is not None and is_selection and _holds_function(graph, producer.input[0])
        ):
            return True
    return False
