"""B-splines of columns, by the recursion of Cox and de Boor with the very operations of scipy.

The interval in which a value lies is counted from the knots. The knots around it are looked up, and the recursion runs
over all columns at once (de Boor: A Practical Guide to Splines, 1978, chapter X). It adds, multiplies and divides in
scipy's order, so the result has scipy's bits, and trees may stand behind it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import SplineTransformer

from training.export.arrivals import arrival, refuse_missing
from training.export.pen import INT64, Pen
from training.export.registry import transformer
from training.export.values import Columns, numbers

EXTRAPOLATIONS = ("error", "constant", "linear", "continue", "periodic")


@transformer(SplineTransformer)
def spline_transformer(pen: Pen, model: SplineTransformer, columns: Columns) -> Columns:
    """The splines of each column, those of a column side by side."""
    pen.require_numbers(columns)
    knots = np.stack([np.asarray(spline.t, dtype=np.float64) for spline in model.bsplines_])
    _refuse_unusual(pen, model, columns, knots)
    width = int(model.bsplines_[0].c.shape[1])
    value = columns.name
    inside = _splines(pen, _wrapped(pen, value, knots, int(model.degree)) if _periodic(model) else value, knots, model)
    beyond = _continued(pen, model, value, inside, knots) if model.extrapolation in ("constant", "linear") else inside
    if getattr(model, "handle_missing", "error") == "zeros":
        missing = pen.node("IsNaN", [_tall(pen, value)], "missing")
        beyond = pen.node("Where", [missing, pen.constant(np.zeros((1, 1, 1)), "zero"), beyond], "splines")
    shape = pen.constant(np.array([-1, columns.width * width], dtype=np.int64), "shape")
    flat = pen.node("Reshape", [beyond, shape], "splines")
    pen.graph.widths[flat] = columns.width * width
    made = dataclasses.replace(numbers(flat, columns.width * width), sparse=bool(model.sparse_output))
    if model.include_bias:
        return made
    return pen.pick(made, [at for at in range(made.width) if (at + 1) % width])


def _periodic(model: SplineTransformer) -> bool:
    return bool(model.extrapolation == "periodic")


def _refuse_unusual(pen: Pen, model: SplineTransformer, columns: Columns, knots: NDArray[np.float64]) -> None:
    """Refuse what scikit-learn raises on, or what is not known.

    Raises:
        ExportError: see above; the message says which.
    """
    if model.extrapolation not in EXTRAPOLATIONS:
        raise pen.refusal(f"nothing is known about extrapolation={model.extrapolation!r}", "extrapolation='constant'")
    missing = getattr(model, "handle_missing", "error")
    if missing not in ("error", "zeros"):
        raise pen.refusal(f"nothing is known about handle_missing={missing!r}", "handle_missing='zeros'")
    if missing == "error":
        refuse_missing(pen, columns, "SplineTransformer with handle_missing='error'")
    degree = int(model.degree)
    inner = knots[:, degree : knots.shape[1] - degree]
    if not np.isfinite(knots).all() or not (np.diff(inner, axis=1) >= 0).all() or (inner[:, 0] == inner[:, -1]).any():
        raise pen.refusal("a column has no two different knots", "columns that vary, or knots of your own")
    if degree == 0 and (model.sparse_output or model.extrapolation == "constant"):
        raise pen.refusal(
            "degree=0 raises with extrapolation='constant' or sparse_output=True", "degree=1, or KBinsDiscretizer"
        )
    if model.extrapolation == "error":
        _refuse_outside(pen, columns, inner)


def _refuse_outside(pen: Pen, columns: Columns, inner: NDArray[np.float64]) -> None:
    """Refuse where a value beyond the outer knots can arrive, on which ``extrapolation='error'`` raises."""
    for at in range(columns.width):
        origin = arrival(pen.graph, columns.name, at)
        feature = None if origin is None else pen.contract.features[origin.column]
        if feature is None or feature.lower < inner[at, 0] or feature.upper > inner[at, -1]:
            name = f"column {at}" if feature is None else repr(feature.name)
            raise pen.refusal(
                f"extrapolation='error' raises beyond the outer knots, and nothing keeps {name} between them",
                "extrapolation='constant', or a narrower range in the contract",
            )


def _tall(pen: Pen, value: str) -> str:
    """Return a value of shape (N, F) as (N, F, 1)."""
    return pen.node("Unsqueeze", [value, pen.constant(np.array([2], dtype=np.int64), "axis")], "tall")


def _wrapped(pen: Pen, value: str, knots: NDArray[np.float64], degree: int) -> str:
    """Return the place of a value within the first period, as NumPy's remainder has it."""
    first, last = knots[:, degree], knots[:, knots.shape[1] - degree - 1]
    start, period = (pen.constant(end[np.newaxis].copy(), "period") for end in (first, last - first))
    rest = pen.node("Mod", [pen.node("Sub", [value, start], "moved"), period], "rest", fmod=1)
    negative = pen.node("Less", [rest, pen.constant(np.zeros((1, 1)), "zero")], "negative")
    rest = pen.node("Where", [negative, pen.node("Add", [rest, period]), rest], "rest")
    return pen.node("Add", [start, rest], "wrapped")


def _splines(pen: Pen, value: str, knots: NDArray[np.float64], model: SplineTransformer) -> str:
    """Return the splines of a value of shape (N, F), continued beyond the outer knots: (N, F, splines)."""
    count, degree = len(knots), int(model.degree)
    intervals = knots.shape[1] - 2 * degree - 1
    tall = _tall(pen, value)
    inner = pen.constant(knots[:, degree + 1 : degree + intervals].copy(), "knots")
    last = pen.constant(np.array([2], dtype=np.int64), "axis")
    passed = pen.cast(pen.node("GreaterOrEqual", [tall, inner], "passed"), INT64)
    interval = pen.node("ReduceSum", [passed, last], "interval", keepdims=0)
    # The 2 · degree knots around each interval of each column, one row for each.
    around = np.array(
        [knots[at, start + 1 : start + 2 * degree + 1] for at in range(count) for start in range(intervals)]
    )
    starts = pen.constant(np.arange(count, dtype=np.int64)[np.newaxis] * intervals, "starts")
    row = pen.node("Add", [interval, starts], "row")
    bases = [pen.node("Equal", [value, value], "there")]
    bases[0] = pen.cast(bases[0])
    if degree:
        near = pen.node("Gather", [pen.constant(around, "knots"), row], "near", axis=0)
        edges = pen.nodes("Split", [near], 2 * degree, axis=2, num_outputs=2 * degree)
        edges = [pen.node("Squeeze", [edge, last], "edge") for edge in edges]
        bases = _recursion(pen, value, edges, around, bases[0])
    tables = _places(model, intervals)
    where = pen.node("Gather", [pen.constant(tables, "places"), interval], "places", axis=0)
    axes = pen.constant(np.array([2, 3], dtype=np.int64), "axes")
    third = pen.constant(np.array([2], dtype=np.int64), "axis")
    parts = [pen.node("Unsqueeze", [basis, axes], "basis") for basis in bases]
    together = parts[0] if len(parts) == 1 else pen.node("Concat", parts, "bases", axis=2)
    return pen.node("ReduceSum", [pen.node("Mul", [together, where], "placed"), third], "splines", keepdims=0)


def _recursion(pen: Pen, value: str, edges: list[str], around: NDArray[np.float64], one: str) -> list[str]:
    """Return the degree + 1 splines that are not 0 in a value's interval, each of shape (N, F).

    Args:
        pen: what writes.
        value: shape (N, F).
        edges: the 2 · degree knots around the interval, each of shape (N, F); ``edges[degree - 1]`` is at its left end.
        around: all that they can be, shape (columns and intervals, 2 · degree).
        one: 1 at every value.
    """
    degree = len(edges) // 2
    bases = [one]
    for order in range(1, degree + 1):
        raised: list[str] = []
        carried = ""
        for at in range(1, order + 1):
            behind, ahead = degree - 1 + at - order, degree - 1 + at
            right, left = edges[ahead], edges[behind]
            span = pen.node("Sub", [right, left], "span")
            weight = pen.node("Div", [bases[at - 1], span], "weight")
            if (around[:, ahead] == around[:, behind]).any():
                # Between knots on top of each other there is nothing.
                zero = pen.constant(np.zeros((1, 1)), "zero")
                weight = pen.node("Where", [pen.node("Equal", [span, zero], "empty"), zero, weight], "weight")
            falling = pen.node("Mul", [weight, pen.node("Sub", [right, value], "ahead")], "falling")
            raised.append(pen.node("Add", [carried, falling], "basis") if carried else falling)
            carried = pen.node("Mul", [weight, pen.node("Sub", [value, left], "behind")], "rising")
        bases = [*raised, carried]
    return bases


def _places(model: SplineTransformer, intervals: int) -> NDArray[np.float64]:
    """Return for each interval which splines its degree + 1 bases are, shape (intervals, degree + 1, splines)."""
    coefficients = np.asarray(model.bsplines_[0].c, dtype=np.float64)
    return np.stack([coefficients[start : start + int(model.degree) + 1] for start in range(intervals)])


def _continued(pen: Pen, model: SplineTransformer, value: str, inside: str, knots: NDArray[np.float64]) -> str:
    """Return splines that go on beyond the outer knots as constants or straight lines, shape (N, F, splines).

    For straight lines scikit-learn raises a degree below 2 by one at each column, and takes the outer knots by it.
    """
    width = int(model.bsplines_[0].c.shape[1])
    degree = int(model.degree)
    ends: dict[str, list[Any]] = {name: [] for name in ("low", "high", "at_low", "at_high", "down", "up")}
    for at, spline in enumerate(model.bsplines_):
        low, high = float(knots[at, degree]), float(knots[at, -degree - 1])
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
    tall = _tall(pen, value)
    result = inside
    for side, at_side, slope, beyond in (("low", "at_low", "down", "Less"), ("high", "at_high", "up", "Greater")):
        end = pen.constant(np.array(ends[side])[:, np.newaxis], "end")
        line = pen.constant(np.array(ends[at_side]), "at_end")
        if model.extrapolation == "linear":
            moved = pen.node(
                "Mul", [pen.node("Sub", [tall, end], "beyond"), pen.constant(np.array(ends[slope]), "slope")]
            )
            line = pen.node("Add", [line, moved], "line")
        result = pen.node("Where", [pen.node(beyond, [tall, end], "outside"), line, result], "splines")
    return result
