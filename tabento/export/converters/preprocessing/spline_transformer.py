"""Writes SplineTransformer of sklearn.preprocessing: B-splines by the recursion of Cox and de Boor.

The graph counts the knots up to a value to find its interval, looks up the knots around it, and computes the recursion
for all columns together (de Boor: A Practical Guide to Splines, 1978, chapter X).

Digits: it adds, multiplies and divides in SciPy's order, so the result has SciPy's bits and trees may follow.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import SplineTransformer

from tabento.export.analysis.column_origin import column_origin, refuse_missing
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import INT64, GraphWriter
from tabento.export.registry import transformer

EXTRAPOLATIONS = ("error", "constant", "linear", "continue", "periodic")


@transformer(SplineTransformer)
def spline_transformer(writer: GraphWriter, model: SplineTransformer, columns: Columns) -> Columns:
    """Write the splines of each column, column by column."""
    writer.require_numbers(columns)
    knots = np.stack([np.asarray(spline.t, dtype=np.float64) for spline in model.bsplines_])
    _refuse_unusual(writer, model, columns, knots)
    width = int(model.bsplines_[0].c.shape[1])
    value = columns.name
    bases = _splines(
        writer, _wrapped(writer, value, knots, int(model.degree)) if _periodic(model) else value, knots, model
    )
    outside = _continued(writer, model, value, bases, knots) if model.extrapolation in ("constant", "linear") else bases
    if getattr(model, "handle_missing", "error") == "zeros":
        missing = writer.node("IsNaN", [_tall(writer, value)], "missing")
        outside = writer.node("Where", [missing, writer.constant(np.zeros((1, 1, 1)), "zero"), outside], "splines")
    shape = writer.constant(np.array([-1, columns.width * width], dtype=np.int64), "shape")
    flat = writer.node("Reshape", [outside, shape], "splines")
    writer.graph.widths[flat] = columns.width * width
    result = dataclasses.replace(numbers(flat, columns.width * width), sparse=bool(model.sparse_output))
    if model.include_bias:
        return result
    return writer.pick(result, [index for index in range(result.width) if (index + 1) % width])


def _periodic(model: SplineTransformer) -> bool:
    return bool(model.extrapolation == "periodic")


def _refuse_unusual(
    writer: GraphWriter, model: SplineTransformer, columns: Columns, knots: NDArray[np.float64]
) -> None:
    """Refuse parameters on which scikit-learn raises, or that have no conversion.

    Raises:
        ExportError: one of them is set; the message names it.
    """
    if model.extrapolation not in EXTRAPOLATIONS:
        raise writer.refusal(
            f"nothing is known about extrapolation={model.extrapolation!r}", "extrapolation='constant'"
        )
    missing = getattr(model, "handle_missing", "error")
    if missing not in ("error", "zeros"):
        raise writer.refusal(f"nothing is known about handle_missing={missing!r}", "handle_missing='zeros'")
    if missing == "error":
        refuse_missing(writer, columns, "SplineTransformer with handle_missing='error'")
    degree = int(model.degree)
    inner = knots[:, degree : knots.shape[1] - degree]
    if not np.isfinite(knots).all() or not (np.diff(inner, axis=1) >= 0).all() or (inner[:, 0] == inner[:, -1]).any():
        raise writer.refusal("a column has no two different knots", "columns that vary, or knots of your own")
    if degree == 0 and (model.sparse_output or model.extrapolation == "constant"):
        raise writer.refusal(
            "degree=0 raises with extrapolation='constant' or sparse_output=True", "degree=1, or KBinsDiscretizer"
        )
    if model.extrapolation == "error":
        _refuse_outside(writer, columns, inner)


def _refuse_outside(writer: GraphWriter, columns: Columns, inner: NDArray[np.float64]) -> None:
    """Refuse ``extrapolation='error'`` if a value outside the outer knots is possible, because scikit-learn raises on it."""
    for index in range(columns.width):
        origin = column_origin(writer.graph, columns.name, index)
        feature = None if origin is None else writer.contract.features[origin.column]
        if feature is None or feature.lower < inner[index, 0] or feature.upper > inner[index, -1]:
            name = f"column {index}" if feature is None else repr(feature.name)
            raise writer.refusal(
                f"extrapolation='error' raises beyond the outer knots, and nothing keeps {name} between them",
                "extrapolation='constant', or a narrower range in the contract",
            )


def _tall(writer: GraphWriter, value: str) -> str:
    """Return a value of shape (N, F) as (N, F, 1)."""
    return writer.node("Unsqueeze", [value, writer.constant(np.array([2], dtype=np.int64), "axis")], "tall")


def _wrapped(writer: GraphWriter, value: str, knots: NDArray[np.float64], degree: int) -> str:
    """Return the position of a value within the first period, as NumPy's remainder computes it."""
    first, last = knots[:, degree], knots[:, knots.shape[1] - degree - 1]
    start, period = (writer.constant(end[np.newaxis].copy(), "period") for end in (first, last - first))
    rest = writer.node("Mod", [writer.node("Sub", [value, start], "moved"), period], "rest", fmod=1)
    negative = writer.node("Less", [rest, writer.constant(np.zeros((1, 1)), "zero")], "negative")
    rest = writer.node("Where", [negative, writer.node("Add", [rest, period]), rest], "rest")
    return writer.node("Add", [start, rest], "wrapped")


def _splines(writer: GraphWriter, value: str, knots: NDArray[np.float64], model: SplineTransformer) -> str:
    """Return the splines of a value of shape (N, F), continued outside the outer knots: (N, F, splines)."""
    count, degree = len(knots), int(model.degree)
    intervals = knots.shape[1] - 2 * degree - 1
    tall = _tall(writer, value)
    inner = writer.constant(knots[:, degree + 1 : degree + intervals].copy(), "knots")
    last = writer.constant(np.array([2], dtype=np.int64), "axis")
    passed = writer.cast(writer.node("GreaterOrEqual", [tall, inner], "passed"), INT64)
    interval = writer.node("ReduceSum", [passed, last], "interval", keepdims=0)
    # The 2 · degree knots around each interval of each column, one row for each.
    around = np.array(
        [knots[index, start + 1 : start + 2 * degree + 1] for index in range(count) for start in range(intervals)]
    )
    starts = writer.constant(np.arange(count, dtype=np.int64)[np.newaxis] * intervals, "starts")
    row = writer.node("Add", [interval, starts], "row")
    bases = [writer.node("Equal", [value, value], "there")]
    bases[0] = writer.cast(bases[0])
    if degree:
        near_knots = writer.node("Gather", [writer.constant(around, "knots"), row], "near", axis=0)
        edges = writer.nodes("Split", [near_knots], 2 * degree, axis=2, num_outputs=2 * degree)
        edges = [writer.node("Squeeze", [edge, last], "edge") for edge in edges]
        bases = _recursion(writer, value, edges, around, bases[0])
    tables = _places(model, intervals)
    where = writer.node("Gather", [writer.constant(tables, "places"), interval], "places", axis=0)
    axes = writer.constant(np.array([2, 3], dtype=np.int64), "axes")
    third = writer.constant(np.array([2], dtype=np.int64), "axis")
    parts = [writer.node("Unsqueeze", [basis, axes], "basis") for basis in bases]
    all_bases = parts[0] if len(parts) == 1 else writer.node("Concat", parts, "bases", axis=2)
    return writer.node("ReduceSum", [writer.node("Mul", [all_bases, where], "placed"), third], "splines", keepdims=0)


def _recursion(writer: GraphWriter, value: str, edges: list[str], around: NDArray[np.float64], ones: str) -> list[str]:
    """Return the degree + 1 splines that are not 0 in a value's interval, each of shape (N, F).

    Args:
        writer: the writer of the graph.
        value: shape (N, F).
        edges: the 2 · degree knots around the interval, each of shape (N, F); ``edges[degree - 1]`` is its left end.
        around: all possible values of the edges, shape (columns and intervals, 2 · degree).
        ones: 1 for every value.
    """
    degree = len(edges) // 2
    bases = [ones]
    for order in range(1, degree + 1):
        raised: list[str] = []
        carried = ""
        for index in range(1, order + 1):
            behind, following = degree - 1 + index - order, degree - 1 + index
            right, left = edges[following], edges[behind]
            span = writer.node("Sub", [right, left], "span")
            weight = writer.node("Div", [bases[index - 1], span], "weight")
            if (around[:, following] == around[:, behind]).any():
                # Between equal knots a spline is 0.
                zero = writer.constant(np.zeros((1, 1)), "zero")
                weight = writer.node("Where", [writer.node("Equal", [span, zero], "empty"), zero, weight], "weight")
            falling = writer.node("Mul", [weight, writer.node("Sub", [right, value], "ahead")], "falling")
            raised.append(writer.node("Add", [carried, falling], "basis") if carried else falling)
            carried = writer.node("Mul", [weight, writer.node("Sub", [value, left], "behind")], "rising")
        bases = [*raised, carried]
    return bases


def _places(model: SplineTransformer, intervals: int) -> NDArray[np.float64]:
    """Return for each interval a table of the splines of its degree + 1 bases, shape (intervals, degree + 1, splines)."""
    coefficients = np.asarray(model.bsplines_[0].c, dtype=np.float64)
    return np.stack([coefficients[start : start + int(model.degree) + 1] for start in range(intervals)])


def _continued(
    writer: GraphWriter, model: SplineTransformer, value: str, bases: str, knots: NDArray[np.float64]
) -> str:
    """Return splines continued outside the outer knots as constants or straight lines, shape (N, F, splines).

    For straight lines scikit-learn increments a degree below 2 at each column, and its outer knots follow from it.
    """
    width = int(model.bsplines_[0].c.shape[1])
    degree = int(model.degree)
    ends: dict[str, list[Any]] = {name: [] for name in ("low", "high", "at_low", "at_high", "down", "up")}
    for index, spline in enumerate(model.bsplines_):
        low, high = float(knots[index, degree]), float(knots[index, -degree - 1])
        at_low, at_high = (np.array(spline(end), dtype=np.float64) for end in (low, high))
        down, up = np.zeros(width), np.zeros(width)
        if model.extrapolation == "linear":
            down, up = (np.array(spline(end, nu=1), dtype=np.float64) for end in (low, high))
            degree += degree <= 1
        for values in (at_low, down):
            values[degree:] = 0.0
        for values in (at_high, up):
            values[: max(width - degree, 0)] = 0.0
        for name, end in zip(ends, (low, high, at_low, at_high, down, up), strict=True):
            ends[name].append(end)
    tall = _tall(writer, value)
    result = bases
    for side, at_side, slope, outside in (("low", "at_low", "down", "Less"), ("high", "at_high", "up", "Greater")):
        end = writer.constant(np.array(ends[side])[:, np.newaxis], "end")
        line = writer.constant(np.array(ends[at_side]), "at_end")
        if model.extrapolation == "linear":
            shifted = writer.node(
                "Mul", [writer.node("Sub", [tall, end], "beyond"), writer.constant(np.array(ends[slope]), "slope")]
            )
            line = writer.node("Add", [line, shifted], "line")
        result = writer.node("Where", [writer.node(outside, [tall, end], "outside"), line, result], "splines")
    return result
