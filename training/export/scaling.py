"""Scalers: the same additions, products and quotients in the same order as scikit-learn, so the same doubles.

Each of them rises in its column, so trees behind them look through them.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler

from training.export.arrivals import refuse_missing
from training.export.functions import INVERSES
from training.export.pen import Pen
from training.export.registry import transformer
from training.export.sums import refuse_noise
from training.export.values import Columns, numbers

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": operator.truediv,
}
"""Operators of ONNX with one constant per column, and what they are in NumPy."""

SMALLEST_NORM = 10 * float(np.finfo(np.float64).eps)
"""scikit-learn takes the norm of a row below this for 1."""
LARGEST_SHARE = 1.0 + 1e-9
"""No number is larger than its row's norm, roundings aside."""
ADDED_IN_ORDER = 7
"""NumPy adds up to so many numbers of a row one after the other, more of them in eight sums side by side."""


def by_constant(pen: Pen, columns: Columns, kind: str, operands: ArrayLike) -> Columns:
    """Add, subtract, multiply with or divide by one constant per column; trees look through it.

    Args:
        pen: where it is written.
        columns: numbers.
        kind: a key of ``OPERATIONS``.
        operands: one per column, or one for all.
    """
    constants = np.broadcast_to(np.asarray(operands, dtype=np.float64), (columns.width,))
    value = pen.node(kind, [columns.name, pen.constant(constants[np.newaxis], "constants")])
    turns = constants if kind in ("Mul", "Div") else np.ones(1)
    if np.isfinite(constants).all() and ((turns > 0).all() or (turns < 0).all()):
        functions = [partial(_apply, OPERATIONS[kind], float(constant)) for constant in constants]
        pen.monotone(value, columns.name, functions, increasing=bool((turns > 0).all()), certain=True)
    return numbers(value, columns.width)


def _apply(operation: Callable[[Any, Any], Any], constant: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(operation(values, constant), dtype=np.float64)


def clipped(pen: Pen, columns: Columns, low: float, high: float) -> Columns:
    """Hold numbers within bounds; NaN stays missing."""
    value = pen.node("Clip", [columns.name, pen.constant(np.array(low), "low"), pen.constant(np.array(high), "high")])
    functions = [partial(np.clip, a_min=low, a_max=high)] * columns.width
    pen.monotone(value, columns.name, functions, certain=True)
    return numbers(value, columns.width)


def _divided(pen: Pen, columns: Columns, scale: NDArray[Any]) -> Columns:
    """Divide by a scale, as scikit-learn does: a sparse matrix is multiplied by one over it."""
    if columns.sparse:
        product = by_constant(pen, columns, "Mul", 1.0 / np.asarray(scale, dtype=np.float64))
        return dataclasses.replace(product, sparse=True, stored=columns.stored)
    return by_constant(pen, columns, "Div", scale)


@transformer(StandardScaler)
def standard_scaler(pen: Pen, model: StandardScaler, columns: Columns) -> Columns:
    """(x - mean) / scale."""
    pen.require_numbers(columns)
    refuse_noise(pen, columns)
    if model.with_mean:
        columns = by_constant(pen, columns, "Sub", model.mean_)
    return _divided(pen, columns, model.scale_) if model.with_std else columns


@transformer(RobustScaler)
def robust_scaler(pen: Pen, model: RobustScaler, columns: Columns) -> Columns:
    """(x - median) / range between quantiles."""
    pen.require_numbers(columns)
    refuse_noise(pen, columns)
    if model.with_centering:
        columns = by_constant(pen, columns, "Sub", model.center_)
    return _divided(pen, columns, model.scale_) if model.with_scaling else columns


@transformer(MaxAbsScaler)
def max_abs_scaler(pen: Pen, model: MaxAbsScaler, columns: Columns) -> Columns:
    """x / largest magnitude, clipped to -1 and 1 where that is asked."""
    pen.require_numbers(columns)
    refuse_noise(pen, columns)
    scaled = _divided(pen, columns, model.scale_)
    if not model.clip:
        return scaled
    return dataclasses.replace(clipped(pen, scaled, -1.0, 1.0), sparse=scaled.sparse, stored=scaled.stored)


@transformer(MinMaxScaler)
def min_max_scaler(pen: Pen, model: MinMaxScaler, columns: Columns) -> Columns:
    """x · scale + shift, clipped to the range where that is asked."""
    pen.require_numbers(columns)
    refuse_noise(pen, columns)
    scaled = by_constant(pen, by_constant(pen, columns, "Mul", model.scale_), "Add", model.min_)
    low, high = (float(end) for end in model.feature_range)
    return clipped(pen, scaled, low, high) if model.clip else scaled


@transformer(Normalizer)
def normalizer(pen: Pen, model: Normalizer, columns: Columns) -> Columns:
    """Each row over its norm. The largest magnitude is exact; a sum has a last bit only where its order is known.

    scikit-learn adds the entries of a sparse matrix one after the other and leaves a row alone if its norm is 0. Of
    other rows NumPy adds up to seven magnitudes in that order and squares in an order of the machine's own, and a norm
    below ``SMALLEST_NORM`` counts as 1.
    """
    pen.require_numbers(columns)
    refuse_missing(pen, columns, "Normalizer")
    magnitudes = pen.node("Abs", [columns.name])
    if model.norm == "max":
        axis = pen.constant(np.array([1], dtype=np.int64), "axis")
        norm = pen.node("ReduceMax", [magnitudes, axis], "norm", keepdims=1)
    else:
        terms = magnitudes if model.norm == "l1" else pen.node("Mul", [columns.name, columns.name], "square")
        norm = _added_up(pen, terms, columns.width)
        norm = norm if model.norm == "l1" else pen.node("Sqrt", [norm], "norm")
    if columns.sparse:
        small = pen.node("Equal", [norm, pen.constant(np.zeros((1, 1)), "zero")], "small")
    else:
        small = pen.node("Less", [norm, pen.constant(np.full((1, 1), SMALLEST_NORM), "smallest")], "small")
    divisor = pen.node("Where", [small, pen.constant(np.ones((1, 1)), "one"), norm], "divisor")
    value = pen.node("Div", [columns.name, divisor], "normalized")
    pen.graph.bounds.update({(value, at): (-LARGEST_SHARE, LARGEST_SHARE) for at in range(columns.width)})
    if not columns.sparse and (model.norm == "l2" or (model.norm == "l1" and columns.width > ADDED_IN_ORDER)):
        pen.unsettle(
            value,
            f"{model.norm} norms, whose last bits hang on the order in which the machine adds",
            "Normalizer(norm='max')",
        )
    return dataclasses.replace(numbers(value, columns.width), sparse=columns.sparse, stored=columns.stored)


def _added_up(pen: Pen, terms: str, width: int) -> str:
    """Return the sum of each row, shape (N, 1), added from the first column to the last."""
    if width == 1:
        return terms
    sums = pen.node("CumSum", [terms, pen.constant(np.array(1, dtype=np.int64), "axis")], "sums")
    return pen.node("Gather", [sums, pen.constant(np.array([width - 1], dtype=np.int64), "last")], "sum", axis=1)


def _back_from_standard(pen: Pen, scale: StandardScaler, raw: str) -> str:
    if scale.with_std:
        raw = pen.node("Mul", [raw, pen.constant(_row(scale.scale_), "scale")], "unscaled")
    return pen.node("Add", [raw, pen.constant(_row(scale.mean_), "mean")], "unscaled") if scale.with_mean else raw


def _back_from_robust(pen: Pen, scale: RobustScaler, raw: str) -> str:
    if scale.with_scaling:
        raw = pen.node("Mul", [raw, pen.constant(_row(scale.scale_), "scale")], "unscaled")
    return (
        pen.node("Add", [raw, pen.constant(_row(scale.center_), "centre")], "unscaled") if scale.with_centering else raw
    )


def _back_from_max_abs(pen: Pen, scale: MaxAbsScaler, raw: str) -> str:
    return pen.node("Mul", [raw, pen.constant(_row(scale.scale_), "scale")], "unscaled")


def _back_from_min_max(pen: Pen, scale: MinMaxScaler, raw: str) -> str:
    shifted = pen.node("Sub", [raw, pen.constant(_row(scale.min_), "shift")], "unscaled")
    return pen.node("Div", [shifted, pen.constant(_row(scale.scale_), "scale")], "unscaled")


def _row(array: Any) -> NDArray[np.float64]:
    return np.asarray(array, dtype=np.float64).reshape(1, -1)


INVERSES[StandardScaler] = _back_from_standard
INVERSES[RobustScaler] = _back_from_robust
INVERSES[MaxAbsScaler] = _back_from_max_abs
INVERSES[MinMaxScaler] = _back_from_min_max
