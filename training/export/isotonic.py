"""Isotonic regression: a rising or falling line of straight pieces.

The piece in which a number lies is found by a ``TreeEnsemble`` node that holds each line as a search tree: one node looks
up all that is known of the piece, where counting and gathering would take eight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from training.export.graph import ML_DOMAIN
from training.export.linear import doubles, require_present
from training.export.pen import Pen
from training.export.registry import regressor
from training.export.trees import Trees
from training.export.values import Columns


@regressor(IsotonicRegression)
def isotonic_regressor(pen: Pen, model: IsotonicRegression, columns: Columns) -> str:
    """The line through its only column."""
    require_present(pen, model, columns)
    if columns.width != 1:
        raise pen.refusal(f"it is of one column and gets {columns.width}", "one column")
    line = broken_lines(pen, [model], columns.name)
    if model.out_of_bounds == "clip":
        return line
    ends = [pen.constant(np.array(float(end)), "end") for end in (model.X_min_, model.X_max_)]
    inside = pen.node("Equal", [columns.name, pen.node("Clip", [columns.name, *ends])], "inside")
    return pen.node("Where", [inside, line, pen.constant(np.full((1, 1), np.nan), "nan")], "line")


def broken_lines(pen: Pen, lines: Sequence[IsotonicRegression], value: str) -> str:
    """Return slope · (x - start) + level of the piece in which x lies, as ``numpy.interp`` does.

    Args:
        lines: one per column of the value; beyond their ends they stay level.
        value: shape (N, lines), which the answer has too.

    Raises:
        ExportError: a line refuses what it was not fitted on.
    """
    if any(line.out_of_bounds == "raise" for line in lines):
        raise pen.refusal("it refuses what lies outside of what it was fitted on", "out_of_bounds='clip'")
    starts = [doubles(pen, line.X_thresholds_) for line in lines]
    levels = [doubles(pen, line.y_thresholds_) for line in lines]
    slopes = [np.append(np.diff(level) / np.diff(start), 0.0) for level, start in zip(levels, starts, strict=True)]
    lows = pen.constant(np.array([[float(line.X_min_) for line in lines]]), "lows")
    highs = pen.constant(np.array([[float(line.X_max_) for line in lines]]), "highs")
    inside = pen.node("Min", [pen.node("Max", [value, lows]), highs], "inside")
    pieces = search_trees(starts, (starts, levels, slopes))
    found = pen.node("TreeEnsemble", [inside], "pieces", domain=ML_DOMAIN, **pieces.attributes())
    begin, floor, slope = pen.nodes("Split", [found], 3, axis=1, num_outputs=3)
    risen = pen.node("Mul", [slope, pen.node("Sub", [inside, begin], "along")], "risen")
    return pen.node("Add", [risen, floor], "line")


def search_trees(starts: Sequence[NDArray[np.float64]], tables: Sequence[Sequence[NDArray[np.float64]]]) -> Trees:
    """Return trees that look up, for each column, the entry of the last start that a number has reached.

    Args:
        starts: per column float64 of shape (K,), strictly rising; a number below the first counts as there.
        tables: per kind of entry and column float64 of shape (K,).

    Returns:
        One tree and one target for each kind and column, kind by kind.
    """
    roots: list[int] = []
    nodes: list[tuple[int, float, int, int, int, int]] = []
    leaves: list[float] = []
    targets: list[int] = []

    def write(column: int, target: int, entries: NDArray[np.float64], low: int, high: int) -> tuple[int, int]:
        """Write the search among the entries from ``low`` up to ``high``; return where it begins and whether in a leaf."""
        if high - low == 1:
            leaves.append(float(entries[low]))
            targets.append(target)
            return len(leaves) - 1, 1
        middle = (low + high) // 2
        place = len(nodes)
        nodes.append((column, 0.0, 0, 0, 0, 0))
        left = write(column, target, entries, low, middle)
        right = write(column, target, entries, middle, high)
        # Below a start is at or below the double in front of it.
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
