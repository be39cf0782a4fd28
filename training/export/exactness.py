"""Exactness: which columns hold numbers whose last bit another library may compute differently.

A logarithm or a sine has another last bit in NumPy than in ONNX Runtime, and so have the sums of ``training.export.sums``.
That is rounding, until a step behind it jumps: a tree's threshold, a floor, a comparison. Folding takes such functions
into the thresholds. What it cannot take in is refused here, by name, before anything is compared.
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


def marked_columns(graph: Graph, value: str, marks: Mapping[str, str | Names]) -> Names | None:
    """Return per column of a value the mark of a value that it is made of, None for a column that is made of none.

    None in place of names means that no column is. What trees answer is not made of what they ask.
    """
    if not marks:
        return None
    known: dict[str, Names | None] = {}
    made_of = graph.made_of(value)
    # From the front to the back, so that a sum over hundreds of members is no call within a call for each.
    for node in graph.nodes:
        for output in node.output:
            if output in made_of:
                _names(graph, output, marks, known)
    return _names(graph, value, marks, known)


def _names(graph: Graph, value: str, marks: Mapping[str, str | Names], known: dict[str, Names | None]) -> Names | None:
    if value not in known:
        found = _found(graph, value, marks, known)
        known[value] = found if found and any(found) else None
    return known[value]


def _found(graph: Graph, value: str, marks: Mapping[str, str | Names], known: dict[str, Names | None]) -> Names | None:
    if value in marks:
        found = marks[value]
        return found if isinstance(found, tuple) else (found,) * (graph.width(value) or 1)
    node = graph.producer(value)
    if node is None or node.domain == TREE_DOMAIN:
        # What trees answer is exact; what they ask is looked at on its own.
        return None
    if node.op_type == "Concat":
        parts = [(_names(graph, part, marks, known), graph.width(part)) for part in node.input]
        if any(width is None for _, width in parts):
            # Where one part ends and the next begins is not known, so every column may be made of what is marked.
            marked = next((name for names, _ in parts for name in names or () if name), None)
            return (marked,) * (graph.width(value) or 1)
        return tuple(name for names, width in parts for name in (names or (None,) * (width or 0)))
    inner = [_names(graph, name, marks, known) or () for name in node.input]
    if is_gather(graph, node) and graph.constants[node.input[1]].ndim == 1:
        chosen = graph.constants[node.input[1]]
        # Of a value whose width is not known there is one name for all columns.
        return tuple(inner[0][at if at < len(inner[0]) else -1] for at in chosen) if inner[0] else None
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
                raise _refusal(graph, step, str(inexact[column]))


def _refusal(graph: Graph, step: str, what: str) -> ExportError:
    if what in graph.remedies:
        reason = f"it would split on {what}, whose last bits hang on the order in which the machine adds"
        return ExportError(step, reason, graph.remedies[what])
    return ExportError(
        step,
        f"it would split on {what}, whose last bit differs between NumPy and ONNX Runtime, and which is not a rising or"
        " falling function of one column, as far as the contract's ranges say",
        REMEDY,
    )
