"""Exactness: the columns whose last bits another library can compute differently.

A logarithm or a sine has another last bit in NumPy than in ONNX Runtime, and so have the sums of
``tabento.export.analysis.inexact_sums``. This is harmless rounding unless a discontinuous operation follows: a tree's
threshold, a floor, a comparison. Folding moves such functions into the thresholds. Functions that it cannot move are
refused here by name, before any answers are compared.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tabento.export.errors import ExportError
from tabento.export.graph.graph import TREE_DOMAIN, Graph
from tabento.export.graph.origins import is_gather

REMEDY = "the same function without trees after it, or trees on the columns themselves"

Names = tuple[str | None, ...]


def inexact_columns(graph: Graph, value: str) -> Names | None:
    """Return for each column of a value the function that makes it inexact, or None if the column is exact.

    The result is None if every column is exact.
    """
    return marked_columns(graph, value, graph.inexact)


def marked_columns(graph: Graph, value: str, marks: Mapping[str, str | Names]) -> Names | None:
    """Return for each column of a value the mark of a value that it depends on, or None if it depends on no marked value.

    The result is None if no column depends on a marked value. The output of trees does not depend on their input here.
    """
    if not marks:
        return None
    names_by_value: dict[str, Names | None] = {}
    ancestors = graph.ancestors(value)
    # In the order of the nodes, so that a sum over hundreds of members needs no deep recursion.
    for node in graph.nodes:
        for output in node.output:
            if output in ancestors:
                _names_of(graph, output, marks, names_by_value)
    return _names_of(graph, value, marks, names_by_value)


def _names_of(
    graph: Graph, value: str, marks: Mapping[str, str | Names], names_by_value: dict[str, Names | None]
) -> Names | None:
    if value not in names_by_value:
        names = _names_by_node(graph, value, marks, names_by_value)
        names_by_value[value] = names if names and any(names) else None
    return names_by_value[value]


def _names_by_node(
    graph: Graph, value: str, marks: Mapping[str, str | Names], names_by_value: dict[str, Names | None]
) -> Names | None:
    if value in marks:
        mark = marks[value]
        return mark if isinstance(mark, tuple) else (mark,) * (graph.width(value) or 1)
    node = graph.producer(value)
    if node is None or node.domain == TREE_DOMAIN:
        # The output of trees is exact. Their input is checked separately.
        return None
    if node.op_type == "Concat":
        parts = [(_names_of(graph, part, marks, names_by_value), graph.width(part)) for part in node.input]
        if any(width is None for _, width in parts):
            # The boundaries of the parts are not known, so every column can depend on the marked value.
            marked = next((name for names, _ in parts for name in names or () if name), None)
            return (marked,) * (graph.width(value) or 1)
        return tuple(name for names, width in parts for name in (names or (None,) * (width or 0)))
    inner = [_names_of(graph, name, marks, names_by_value) or () for name in node.input]
    if is_gather(graph, node) and graph.constants[node.input[1]].ndim == 1:
        selected = graph.constants[node.input[1]]
        # A value of unknown width has one name for all columns.
        return tuple(inner[0][index if index < len(inner[0]) else -1] for index in selected) if inner[0] else None
    width = graph.width(value) or 1
    if all(len(names) in (0, width) for names in inner):
        # If the widths are equal, each column depends on the same column of the inputs; otherwise on all of them.
        return tuple(next((names[index] for names in inner if names and names[index]), None) for index in range(width))
    return (next(name for names in inner for name in names if name),) * width


def refuse_inexact_splits(graph: Graph) -> None:
    """Refuse trees on columns whose last bit another library can compute differently.

    It must be called after folding.

    Raises:
        ExportError: there are such trees; the error names their step and the function.
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
                step = steps.get(node.output[0]) or graph.step_of_value.get(node.output[0], "pipeline")
                raise _refusal(graph, step, str(inexact[column]))


def _refusal(graph: Graph, step: str, cause: str) -> ExportError:
    if cause in graph.remedies:
        reason = f"it would split on {cause}, whose last bits depend on the order of additions"
        return ExportError(step, reason, graph.remedies[cause])
    return ExportError(
        step,
        f"it would split on {cause}, whose last bit differs between NumPy and ONNX Runtime, and which is not known to be an"
        " increasing or decreasing function of one column within the contract's ranges",
        REMEDY,
    )
