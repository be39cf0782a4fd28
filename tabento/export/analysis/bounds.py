"""Bounds: numbers between which a column of the graph stays, computed with interval arithmetic from the nodes.

The bounds are wider than the numbers that can occur. ``tabento.export.analysis.ranges`` has the exact range of the columns
that the contract's features reach through monotone functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tabento.export.analysis.ranges import Range, column_range
from tabento.export.graph.origins import concat_part
from tabento.export.graph.writer import GraphWriter

FLOAT32_LIMIT = 3.4028235677973366e38
"""The smallest double that float32 rounds to infinity: half-way between its largest number and 2^128 (IEEE 754, 4.3.1)."""


def value_bounds(writer: GraphWriter, value: str, column: int) -> Range | None:
    """Return a lower and an upper bound of a column's numbers, or None if they are not known. NaN is not considered.

    Interval arithmetic (IEEE 1788) looks at each operation separately, so the bounds are wider than the true range.
    """
    graph = writer.graph
    width = graph.width(value)
    if width is not None and width != 1 and column >= width:
        # The value has three dimensions, such as the columns of a spline, and its second axis is not the columns.
        return None
    key = (value, column)
    if key not in graph.bounds:
        with np.errstate(all="ignore"):
            interval = column_range(graph, value, column, writer.contract)
            if interval is None or not np.isfinite(interval).all():
                interval = _node_bounds(writer, value, column)
        graph.bounds[key] = None if interval is None or np.isnan(interval).any() else interval
    return graph.bounds[key]


TERM_WEIGHT_MAX = 1e12
"""The largest weight of a term in a text: a text has at most 50,000 characters, and an inverse frequency is a logarithm."""


def _node_bounds(writer: GraphWriter, value: str, column: int) -> Range | None:
    graph = writer.graph
    if value in graph.constants:
        array = np.asarray(graph.constants[value], dtype=np.float64)
        return float(array.min()), float(array.max())
    node = graph.producer(value)
    if node is None:
        return None
    fact = graph.monotone.get(value)
    if fact is not None and column < len(fact.functions):
        ends = value_bounds(writer, fact.source, column)
        if ends is not None and fact.domain[0] <= ends[0] and ends[1] <= fact.domain[1]:
            images = fact.functions[column](np.array(ends))
            # The function is monotone except for last bits. A millionth of the size is much more than those.
            margin = 1e-6 * float(np.abs(images).max(initial=0.0))
            if np.abs(images).max(initial=0.0) < FLOAT32_LIMIT:
                return float(images.min()) - margin, float(images.max()) + margin
    kind = node.op_type
    if kind in ("Equal", "IsNaN", "Not", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Softmax", "Sigmoid"):
        return 0.0, 1.0
    if kind in ("Tanh", "Sign", "Erf"):
        return -1.0, 1.0
    if kind == "TreeEnsemble":
        size = float(np.nansum(np.abs(graph.trees_of(node).leaves)))
        return -size, size
    if kind == "Mul" and node.input[0] == node.input[1]:
        factor = value_bounds(writer, node.input[0], column)
        return None if factor is None else (0.0, max(abs(factor[0]), abs(factor[1])) ** 2)
    if kind == "Concat":
        part = concat_part(graph, node, column)
        return None if part is None else value_bounds(writer, *part)
    if kind == "Gather" and node.input[1] in graph.constants and graph.constants[node.input[1]].ndim == 1:
        return value_bounds(writer, node.input[0], int(graph.constants[node.input[1]][column]))
    if kind in ("Gemm", "MatMul"):
        return _product_bounds(writer, node, column)
    if kind == "Where":
        return _hull([_input_bounds(writer, name, column) for name in node.input[1:]])
    if any(piece.value == value for piece in graph.texts):
        return -TERM_WEIGHT_MAX, TERM_WEIGHT_MAX
    if kind not in _INTERVALS:
        return None
    inputs = [_input_bounds(writer, name, column) for name in node.input]
    if None in inputs:
        return None
    return _INTERVALS[kind]([interval for interval in inputs if interval is not None])


def _input_bounds(writer: GraphWriter, name: str, column: int) -> Range | None:
    """Return the bounds of one input of an elementwise operation: of the same column, or of the only column."""
    graph = writer.graph
    if name in graph.constants:
        array = np.asarray(graph.constants[name], dtype=np.float64)
        if array.ndim == 2 and array.shape[1] > column:
            array = array[:, column]
        return float(array.min()), float(array.max())
    return value_bounds(writer, name, 0 if graph.width(name) == 1 else column)


def _product_bounds(writer: GraphWriter, node: Any, column: int) -> Range | None:
    graph = writer.graph
    weights = graph.constants.get(node.input[1])
    if weights is None or graph.width(node.input[0]) != weights.shape[0]:
        return None
    total = 0.0
    for index, weight in enumerate(weights[:, column].tolist()):
        inner = value_bounds(writer, node.input[0], index)
        if inner is None:
            return None
        total += abs(weight) * max(abs(inner[0]), abs(inner[1])) if weight else 0.0
    for name in node.input[2:]:
        total += float(np.abs(graph.constants[name]).max()) if name in graph.constants else math.inf
    return -total, total


def _hull(intervals: Sequence[Range | None]) -> Range | None:
    present = [interval for interval in intervals if interval is not None and not np.isnan(interval).any()]
    # A constant of NaN is a missing number and does not change the bounds.
    if len(present) < sum(interval is None or not np.isnan(interval).all() for interval in intervals):
        return None
    return (min(interval[0] for interval in present), max(interval[1] for interval in present)) if present else None


def _by_corners(operation: Any) -> Callable[[Sequence[Range]], Range | None]:
    def combine(intervals: Sequence[Range]) -> Range | None:
        left, right = intervals
        results = [float(operation(np.float64(low), np.float64(high))) for low in left for high in right]
        return (min(results), max(results)) if np.isfinite(results).all() else None

    return combine


_DIVIDE = _by_corners(np.divide)


def _divide_intervals(intervals: Sequence[Range]) -> Range | None:
    low, high = intervals[1]
    return None if low <= 0.0 <= high else _DIVIDE(intervals)


def _by_ends(function: Any, low: float = -math.inf) -> Callable[[Sequence[Range]], Range | None]:
    def apply(intervals: Sequence[Range]) -> Range | None:
        ends = [float(function(np.float64(end))) for end in intervals[0]]
        return (ends[0], ends[1]) if intervals[0][0] >= low and np.isfinite(ends).all() else None

    return apply


def _magnitude(intervals: Sequence[Range]) -> Range:
    return 0.0, max(abs(intervals[0][0]), abs(intervals[0][1]))


_INTERVALS: dict[str, Callable[[Sequence[Range]], Range | None]] = {
    "Add": _by_corners(np.add),
    "Sub": _by_corners(np.subtract),
    "Mul": _by_corners(np.multiply),
    "Div": _divide_intervals,
    "Abs": _magnitude,
    "Neg": lambda intervals: (-intervals[0][1], -intervals[0][0]),
    "Exp": _by_ends(np.exp),
    "Log": _by_ends(np.log, float(np.finfo(np.float64).smallest_subnormal)),
    "Sqrt": _by_ends(np.sqrt, 0.0),
    "Floor": _by_ends(np.floor),
    "Ceil": _by_ends(np.ceil),
    "Round": _by_ends(np.round),
    "Cast": _by_ends(np.positive),
    "Identity": _by_ends(np.positive),
    "Clip": lambda intervals: (
        (max(intervals[0][0], intervals[1][0]), min(intervals[0][1], intervals[2][1])) if len(intervals) == 3 else None
    ),
}
"""Operators on intervals; the result is None if a number can be infinite or undefined."""
