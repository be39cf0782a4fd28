"""Folding: what stands between the packed rows and the trees is taken into the trees themselves.

A tree asks only on which side of a threshold a value lies. A monotone function in front of it can therefore be taken
out and its inverse applied to the thresholds. For the exponential this is not only faster but what makes the graph
exact: scikit-learn's thresholds may be the very values of training rows, and NumPy's exp and ONNX Runtime's differ in
the last bit, which would send such a row down the other branch. The new thresholds are found by bisection over the
doubles, with NumPy's exp as the judge, so each row takes the branch that the pipeline takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from bundle.contract import Contract
from training.export.graph import TREE_DOMAIN, Graph
from training.export.packing import is_gather
from training.export.promises import never_missing
from training.export.trees import Trees
from training.transformers.cluster_similarity import similarity

NEIGHBOURS = 32
"""How many doubles on either side of a new threshold are tried to see that exp is monotone there."""
_INFINITY_BITS = int(np.array(np.inf).view(np.int64))


def fold_into_trees(contract: Contract) -> Callable[[Graph], bool]:
    """Return the pass that feeds each tree ensemble from the plainest values that hold what it asks for."""

    def run(graph: Graph) -> bool:
        changed = False
        for node in list(graph.nodes):
            if node.domain == TREE_DOMAIN and node.op_type == "TreeEnsemble":
                changed |= _fold(graph, node, contract)
        return changed

    return run


def _fold(graph: Graph, node: Any, contract: Contract) -> bool:
    """Take Exp, Gather and needless NaN flags in front of one ensemble into it."""
    joined = graph.producer(node.input[0])
    parts = list(joined.input) if joined is not None and joined.op_type == "Concat" else [node.input[0]]
    widths = [graph.width(part) for part in parts]
    if any(width is None for width in widths):
        return False
    trees = Trees.of_node(node)
    starts = np.cumsum([0, *(width for width in widths if width is not None)])
    part_of = np.searchsorted(starts, trees.features, side="right") - 1
    column_of = trees.features - starts[part_of]
    sources: list[str] = []
    changed = False
    for number, part in enumerate(parts):
        mine = part_of == number
        maker = graph.producer(part)
        if maker is not None and maker.op_type == "Exp":
            source = _without_exponential(graph, maker, trees, mine)
        elif maker is not None and is_gather(graph, maker) and graph.constants[maker.input[1]].ndim == 1:
            source = maker.input[0]
            column_of[mine] = graph.constants[maker.input[1]][column_of[mine]]
        else:
            source = part
        changed |= source != part
        sources.append(source)
        if trees.missing[mine].any() and never_missing(graph, source, contract, np.unique(column_of[mine])):
            trees.missing[mine] = 0
            changed = True
    if not changed:
        return False
    distinct = list(dict.fromkeys(sources))
    offsets = np.cumsum([0, *(graph.width(source) or 0 for source in distinct)])
    place = np.array([offsets[distinct.index(source)] for source in sources])
    trees.features = place[part_of] + column_of
    fed = distinct[0] if len(distinct) == 1 else graph.add("Concat", distinct, "features", before=node, axis=1)
    new = helper.make_node(
        "TreeEnsemble", [fed], list(node.output), name=node.name, domain=TREE_DOMAIN, **trees.attributes()
    )
    graph.nodes[graph.index(node)] = new
    return True


def _without_exponential(graph: Graph, exponential: Any, trees: Trees, mine: NDArray[np.bool_]) -> str:
    """Ask about d² instead of exp(-gamma · d²) at some nodes of the trees; return the value that holds d².

    Left is where exp(-gamma · d²) <= t, which is where d² is *above* some double; so the sides change places.
    """
    unchanged: str = exponential.output[0]
    scaled = graph.producer(exponential.input[0])
    if scaled is None or scaled.op_type != "Mul" or scaled.input[1] not in graph.constants:
        return unchanged
    factor = graph.constants[scaled.input[1]]
    squared = graph.producer(scaled.input[0])
    if factor.size != 1 or factor.item() >= 0 or squared is None or squared.op_type != "ReduceSum":
        return unchanged
    splits, monotone = largest_above(trees.splits[mine], -factor.item())
    if not monotone:
        return unchanged
    trees.splits[mine] = splits
    trees.missing[mine] = 1 - trees.missing[mine]
    for left, right in ((trees.true, trees.false), (trees.true_leaf, trees.false_leaf)):
        left[mine], right[mine] = right[mine], left[mine].copy()
    source: str = scaled.input[0]
    return source


def largest_above(thresholds: NDArray[np.float64], gamma: float) -> tuple[NDArray[np.float64], bool]:
    """Return, for each threshold t, the largest d² whose similarity is still above t.

    Args:
        thresholds: float64 of shape (T,).
        gamma: the similarity's width, positive.

    Returns:
        float64 of shape (T,), below zero where no d² is and infinity where all are; and whether the pipeline's exp was
        monotone around each of them. The doubles from 0 to infinity are ordered as their bits are, so the bisection
        goes over bits: 64 steps for all thresholds at once.
    """
    low = np.full(len(thresholds), -1, dtype=np.int64)  # similarity above t; -1 stands for "below zero"
    high = np.full(len(thresholds), _INFINITY_BITS + 1, dtype=np.int64)  # similarity at or below t
    while (high - low > 1).any():
        middle = low + (high - low) // 2
        above = similarity(np.clip(middle, 0, _INFINITY_BITS).view(np.float64), gamma) > thresholds
        above = (above | (middle < 0)) & (middle <= _INFINITY_BITS)
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    steps = np.arange(-NEIGHBOURS, NEIGHBOURS + 1)
    around = np.clip(low[:, np.newaxis] + steps, 0, _INFINITY_BITS)
    still_above = similarity(around.view(np.float64), gamma) > thresholds[:, np.newaxis]
    monotone = bool(np.array_equal(still_above, around <= low[:, np.newaxis]))
    result = np.maximum(low, 0).view(np.float64)
    return np.where(low < 0, -np.finfo(np.float64).smallest_subnormal, result), monotone
