"""Exactness: which columns hold numbers whose last bit another library may compute differently.

A logarithm or a sine has another last bit in NumPy than in ONNX Runtime. That is rounding, until a step behind it jumps:
a tree's threshold, a floor, a comparison. Folding takes such functions into the thresholds. What it cannot take in is
refused here, by name, before anything is compared.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from training.export.errors import ExportError
from training.export.graph import TREE_DOMAIN, Graph
from training.export.packing import is_gather

REMEDY = "the same function behind which no trees stand, or trees that see the columns themselves"


Names = tuple[str | None, ...]


def inexact_columns(graph: Graph, value: str) -> Names | None:
    """Return per column of a value the function that makes it inexact, None for one that is exact.

    None instead of names means that every column is exact.
    """
    return marked_columns(graph, value, graph.inexact)


def marked_columns(graph: Graph, value: str, marks: Mapping[str, str]) -> Names | None:
    """Return per column of a value the mark of a value that it is made of, None for a column that is made of none.

    None in place of names means that no column is. What trees answer is not made of what they ask.
    """
    return _names(graph, value, marks, {}) if marks else None


def _names(graph: Graph, value: str, marks: Mapping[str, str], known: dict[str, Names | None]) -> Names | None:
    if value not in known:
        found = _found(graph, value, marks, known)
        known[value] = found if found and any(found) else None
    return known[value]


def _found(graph: Graph, value: str, marks: Mapping[str, str], known: dict[str, Names | None]) -> Names | None:
    if value in marks:
        return (marks[value],) * (graph.width(value) or 1)
    node = graph.producer(value)
    if node is None or node.domain == TREE_DOMAIN:
        # What trees answer is exact; what they ask is looked at on its own.
        return None
    if node.op_type == "Concat":
        parts = [(_names(graph, part, marks, known), graph.width(part) or 1) for part in node.input]
        return tuple(name for names, width in parts for name in (names or (None,) * width))
    inner = [_names(graph, name, marks, known) or () for name in node.input]
    if is_gather(graph, node) and graph.constants[node.input[1]].ndim == 1:
        return tuple(inner[0][at] for at in graph.constants[node.input[1]]) if inner[0] else None
    width = graph.width(value) or 1
    if all(len(names) in (0, width) for names in inner):
        # Each column is made of the same column of the inputs, as far as their widths tell; otherwise of all of them.
        return tuple(next((names[at] for names in inner if names and names[at]), None) for at in range(width))
    return (next(name for names in inner for name in names if name),) * width


def refuse_inexact_splits(graph: Graph) -> None:
    """Refuse trees that would split on what another library computes differently in the last bit.

    It is called when folding has taken in what it can.

    Raises:
        ExportError: there are such trees; it names their step and the function.
    """
    if not graph.inexact:
        return
    steps = {ensemble.output: ensemble.step for ensemble in graph.ensembles}
    for node in graph.nodes:
        if node.domain != TREE_DOMAIN or node.op_type != "TreeEnsemble":
            continue
        inexact = inexact_columns(graph, node.input[0])
        if inexact is None:
            continue
        for column in np.unique(graph.trees_of(node).features).tolist():
            if inexact[column] is not None:
                step = steps.get(node.output[0]) or graph.writers.get(node.output[0], "pipeline")
                raise ExportError(
                    step,
                    f"it would split on {inexact[column]}, whose last bit differs between NumPy and ONNX Runtime, and which"
                    " is not a rising or falling function of one column, as far as the contract's ranges say",
                    REMEDY,
                )
