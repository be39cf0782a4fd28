"""Folding: what stands between the packed rows and the trees is taken into the trees themselves.

A tree asks only on which side of a threshold a value lies. A monotone function in front of it can therefore be taken
out and its inverse applied to the thresholds. For the functions that two libraries compute differently in the last bit
(exp, log, powers) this is not only faster but what makes the graph exact: scikit-learn's thresholds may be the very
values of training rows, and another last bit would send such a row down the other branch. The new thresholds are found
by bisection over the doubles, with the pipeline's own function as the judge, so each row takes the branch that the
pipeline takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bundle.contract import Contract
from training.export.graph import TREE_DOMAIN, Graph, Monotone
from training.export.lookup import Pieces, pieces_as_trees
from training.export.packing import is_gather, is_imputation
from training.export.preimages import crossings, preimages, turned_crossings
from training.export.promises import never_missing
from training.export.ranges import reach
from training.export.trees import Trees


def fold_into_trees(contract: Contract) -> Callable[[Graph], bool]:
    """Return the pass that feeds each tree ensemble from the plainest values that hold what it asks for."""

    def run(graph: Graph) -> bool:
        changed = False
        for node in graph.nodes:
            if node.domain == TREE_DOMAIN and node.op_type == "TreeEnsemble":
                changed |= _fold(graph, node, contract)
        return changed

    return run


def _fold(graph: Graph, node: Any, contract: Contract) -> bool:
    """Take what stands in front of one ensemble into it, one step back for each part of what it reads."""
    parts = _parts(graph, node.input[0])
    widths = [graph.width(part) for part in parts]
    if any(width is None for width in widths):
        return False
    trees = graph.trees_of(node).copied()
    starts = np.cumsum([0, *(width for width in widths if width is not None)])
    part_of = np.searchsorted(starts, trees.features, side="right") - 1
    column_of = trees.features - starts[part_of]
    fed: list[str] = []
    place = np.zeros(len(part_of), dtype=np.int64)
    changed = False
    for number, part in enumerate(parts):
        mine = np.flatnonzero(part_of == number)
        changed |= not len(mine)
        for value, nodes in _step_back(graph, node, part, trees, mine, column_of, contract):
            changed |= value != part
            asked = np.unique(column_of[nodes])
            if trees.missing[nodes].any() and never_missing(graph, value, contract, asked):
                trees.missing[nodes] = 0
                changed = True
            if value not in fed:
                fed.append(value)
            place[nodes] = fed.index(value)
    if not changed:
        return False
    lengths = [graph.width(value) for value in fed]
    if None in lengths:
        return False
    offsets = np.cumsum([0, *(length for length in lengths if length is not None)])
    trees.features = offsets[place] + column_of
    given = fed[0] if len(fed) == 1 else graph.add("Concat", fed, "features", before=node, axis=1)
    graph.feed_trees(node, given, trees)
    return True


def _step_back(
    graph: Graph,
    reader: Any,
    part: str,
    trees: Trees,
    mine: NDArray[np.int64],
    column_of: NDArray[np.int64],
    contract: Contract,
) -> list[tuple[str, NDArray[np.int64]]]:
    """Let nodes of the trees ask one step further back; return from which value which nodes read then.

    Where nothing can be taken in, that is the value itself. ``trees`` and ``column_of`` are changed in place.
    """
    if not len(mine):
        return []
    known, maker = graph.monotone.get(part), graph.producer(part)
    if known is not None:
        through, counted = _through(graph, known, trees, mine, column_of, contract)
        crossed = np.isin(column_of[mine], list(counted))
        sides = [(known.source, mine[through]), (part, mine[~through & ~crossed])]
        if counted:
            order = list(counted)
            value = _count_crossings(graph, reader, known.source, counted)
            sides.append((value, mine[crossed]))
            column_of[mine[crossed]] = [order.index(column) for column in column_of[mine[crossed]]]
        return [(value, nodes) for value, nodes in sides if len(nodes)]
    picks = maker is not None and is_gather(graph, maker) and graph.constants[maker.input[1]].ndim == 1
    # Columns are counted through a value only where it is known how many it has.
    if maker is not None and picks and graph.width(maker.input[0]) is not None:
        column_of[mine] = graph.constants[maker.input[1]][column_of[mine]]
        return [(maker.input[0], mine)]
    if maker is not None and trees.is_threshold()[mine].all() and _hides_function(graph, maker):
        return [(_past_imputation(graph, maker, trees, mine, column_of), mine)]
    return [(part, mine)]


def _parts(graph: Graph, value: str) -> list[str]:
    """Return the values that stand side by side in a value, looking through Concats of Concats."""
    maker = graph.producer(value)
    if maker is None or maker.op_type != "Concat":
        return [value]
    return [part for name in maker.input for part in _parts(graph, name)]


def _through(
    graph: Graph,
    known: Monotone,
    trees: Trees,
    mine: NDArray[np.int64],
    column_of: NDArray[np.int64],
    contract: Contract,
) -> tuple[NDArray[np.bool_], dict[int, Pieces]]:
    """Let nodes ask about what a monotone function is of, column by column.

    Where the function falls, left is where the source is *above* some double, so the sides change places. Where it is
    not quite monotone, nodes ask how many thresholds it lies above.

    Returns:
        For which of the nodes that worked, and what is to be counted for which columns.
    """
    threshold = trees.is_threshold()[mine]
    moved = np.zeros(len(mine), dtype=bool)
    counted: dict[int, Pieces] = {}
    for column in np.unique(column_of[mine]).tolist():
        here = column_of[mine] == column
        if not threshold[here].all():
            continue
        nodes, function = mine[here], known.functions[column]
        distinct, places = np.unique(trees.splits[nodes], return_inverse=True)
        if not _inside(graph, known, column, contract):
            turned = _between_turns(graph, known, column, contract, distinct)
            if turned is not None:
                counted[column] = turned
                trees.splits[nodes] = places
            continue
        found, monotone = preimages(
            distinct, function, known.domain, increasing=known.increasing, certain=known.certain
        )
        if not monotone:
            pieces = crossings(distinct, function, known.domain, increasing=known.increasing)
            if pieces is not None:
                counted[column] = pieces
                trees.splits[nodes] = places
            continue
        moved[here] = True
        trees.splits[nodes] = found[places]
        if not known.increasing:
            trees.missing[nodes] = 1 - trees.missing[nodes]
            for left, right in ((trees.true, trees.false), (trees.true_leaf, trees.false_leaf)):
                left[nodes], right[nodes] = right[nodes], left[nodes].copy()
    return moved, counted


def _count_crossings(graph: Graph, reader: Any, source: str, counted: Mapping[int, Pieces]) -> str:
    """Write, in front of a reader, how many thresholds a function of some columns lies above."""
    columns = graph.constant(np.array(list(counted), dtype=np.int64), "columns")
    picked = graph.add("Gather", [source, columns], "picked", before=reader, axis=1)
    trees = pieces_as_trees(list(counted.values()))
    return graph.add_trees(picked, trees, "crossings", before=reader)


def _inside(graph: Graph, known: Monotone, column: int, contract: Contract) -> bool:
    """Say whether the contract keeps a column of the function's argument within its domain."""
    low, high = known.domain
    if np.isinf(low) and np.isinf(high):
        return True
    found = reach(graph, known.source, column, contract)
    return found is not None and low <= found[0] and found[1] <= high


def _between_turns(
    graph: Graph, known: Monotone, column: int, contract: Contract, thresholds: NDArray[np.float64]
) -> Pieces | None:
    """Describe a function that turns, or is not defined everywhere, by the thresholds that it lies above."""
    if known.turns is None:
        return None
    domain = reach(graph, known.source, column, contract) or (-np.inf, np.inf)
    turns = known.turns.within(*domain)
    if turns is None:
        return None
    return turned_crossings(thresholds, known.functions[column], domain, turns, flat=known.turns.flat)


def _past_imputation(
    graph: Graph, maker: Any, trees: Trees, mine: NDArray[np.int64], column_of: NDArray[np.int64]
) -> str:
    """Let some nodes of the trees ask before an imputation: what is missing goes where its stand-in would go."""
    stand_in = graph.constants[maker.input[1]].ravel()[column_of[mine]]
    side = (stand_in <= trees.splits[mine]).astype(np.int64)
    trees.missing[mine] = np.where(np.isnan(stand_in), trees.missing[mine], side)
    return str(maker.input[2])


def _hides_function(graph: Graph, maker: Any) -> bool:
    """Say whether a node imputes what a monotone function gives, so that trees have to look past it to fold that."""
    return is_imputation(graph, maker) and _holds_function(graph, maker.input[2])


def _holds_function(graph: Graph, value: str) -> bool:
    """Say whether a column of a value is, or is chosen from, what a monotone function gives."""
    for part in _parts(graph, value):
        maker = graph.producer(part)
        chosen = maker is not None and is_gather(graph, maker)
        if part in graph.monotone or (maker is not None and chosen and _holds_function(graph, maker.input[0])):
            return True
    return False
