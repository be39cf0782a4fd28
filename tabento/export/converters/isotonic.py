"""Writes IsotonicRegression of sklearn.isotonic: a rising or falling line of straight pieces.

A ``TreeEnsemble`` node finds the piece of a number: it holds each line as a search tree, and one node returns all entries
of the piece. Counting and gathering would take eight nodes.

Digits: slope · (x - start) + level in double, as ``numpy.interp`` computes it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.graph.graph import ML_DOMAIN
from tabento.export.graph.trees import Trees
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import regressor


@regressor(IsotonicRegression)
def isotonic_regressor(writer: GraphWriter, model: IsotonicRegression, columns: Columns) -> str:
    """Write the line of its only column."""
    require_present(writer, model, columns)
    if columns.width != 1:
        raise writer.refusal(f"it is of one column and gets {columns.width}", "one column")
    line = broken_lines(writer, [model], columns.name)
    if model.out_of_bounds == "clip":
        return line
    ends = [writer.constant(np.array(float(end)), "end") for end in (model.X_min_, model.X_max_)]
    clipped = writer.node("Equal", [columns.name, writer.node("Clip", [columns.name, *ends])], "inside")
    return writer.node("Where", [clipped, line, writer.constant(np.full((1, 1), np.nan), "nan")], "line")


def broken_lines(writer: GraphWriter, lines: Sequence[IsotonicRegression], value: str) -> str:
    """Return slope · (x - start) + level of the piece that contains x, as ``numpy.interp`` does.

    Args:
        writer: the writer of the graph.
        lines: one for each column of the value; outside their ends they are constant.
        value: shape (N, lines), which the result has too.

    Raises:
        ExportError: a line refuses values outside its training range.
    """
    if any(line.out_of_bounds == "raise" for line in lines):
        raise writer.refusal("it refuses values outside of its training range", "out_of_bounds='clip'")
    starts = [doubles(writer, line.X_thresholds_) for line in lines]
    levels = [doubles(writer, line.y_thresholds_) for line in lines]
    slopes = [np.append(np.diff(level) / np.diff(start), 0.0) for level, start in zip(levels, starts, strict=True)]
    lows = writer.constant(np.array([[float(line.X_min_) for line in lines]]), "lows")
    highs = writer.constant(np.array([[float(line.X_max_) for line in lines]]), "highs")
    clipped = writer.node("Min", [writer.node("Max", [value, lows]), highs], "inside")
    pieces = search_trees(starts, (starts, levels, slopes))
    entries = writer.node("TreeEnsemble", [clipped], "pieces", domain=ML_DOMAIN, **pieces.attributes())
    begin, floor, slope = writer.nodes("Split", [entries], 3, axis=1, num_outputs=3)
    risen = writer.node("Mul", [slope, writer.node("Sub", [clipped, begin], "along")], "risen")
    return writer.node("Add", [risen, floor], "line")


def search_trees(starts: Sequence[NDArray[np.float64]], tables: Sequence[Sequence[NDArray[np.float64]]]) -> Trees:
    """Return trees that look up, for each column, the entry of the last start that a number has reached.

    Args:
        starts: for each column float64 of shape (K,), strictly rising; a number below the first start belongs to it.
        tables: for each kind of entry and column float64 of shape (K,).

    Returns:
        One tree and one target for each kind and column, kind by kind.
    """
    roots: list[int] = []
    nodes: list[tuple[int, float, int, int, int, int]] = []
    leaves: list[float] = []
    targets: list[int] = []

    def write(column: int, target: int, entries: NDArray[np.float64], low: int, high: int) -> tuple[int, int]:
        """Write the search among the entries from ``low`` up to ``high``; return its first node and whether that is a leaf."""
        if high - low == 1:
            leaves.append(float(entries[low]))
            targets.append(target)
            return len(leaves) - 1, 1
        middle = (low + high) // 2
        place = len(nodes)
        nodes.append((column, 0.0, 0, 0, 0, 0))
        left = write(column, target, entries, low, middle)
        right = write(column, target, entries, middle, high)
        # Below a start means at or below the previous double.
        nodes[place] = (column, float(np.nextafter(starts[column][middle], -np.inf)), *left, *right)
        return place, 0

    for kind, table in enumerate(tables):
        for column, entries in enumerate(table):
            roots.append(len(nodes))
            place, is_leaf = write(column, kind * len(starts) + column, entries, 0, len(entries))
            if is_leaf:
                # A tree has at least one node; both of its sides are the only leaf.
                nodes.append((column, 0.0, place, 1, place, 1))
    features, splits, true, true_leaf, false, false_leaf = (np.array(part) for part in zip(*nodes, strict=True))
    return Trees(
        roots=roots,
        features=features.astype(np.int64),
        splits=splits.astype(np.float64),
        missing=np.zeros(len(nodes), dtype=np.int64),
        true=true.astype(np.int64),
        true_leaf=true_leaf.astype(np.int64),
        false=false.astype(np.int64),
        false_leaf=false_leaf.astype(np.int64),
        leaves=np.array(leaves),
        targets=np.array(targets, dtype=np.int64),
        n_targets=len(tables) * len(starts),
    )
