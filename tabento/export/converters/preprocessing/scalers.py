"""Writes StandardScaler, RobustScaler, MaxAbsScaler and MinMaxScaler of sklearn.preprocessing, and their inverses for targets.

Each scaler rises in its column, so trees after it are folded through it.

Digits: additions, products and quotients in scikit-learn's order, so the same doubles.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from tabento.export.analysis.inexact_sums import refuse_rounding_differences
from tabento.export.formulas.functions import INVERSES
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": operator.truediv,
}
"""Operators of ONNX with one constant for each column, and the same operator of NumPy."""


def by_constant(writer: GraphWriter, columns: Columns, kind: str, operands: ArrayLike) -> Columns:
    """Write an addition, subtraction, product or quotient with one constant for each column; trees are folded through it.

    Args:
        writer: the writer of the graph.
        columns: numbers.
        kind: a key of ``OPERATIONS``.
        operands: one constant for each column, or one for all.
    """
    constants = np.broadcast_to(np.asarray(operands, dtype=np.float64), (columns.width,))
    value = writer.node(kind, [columns.name, writer.constant(constants[np.newaxis], "constants")])
    turns = constants if kind in ("Mul", "Div") else np.ones(1)
    if np.isfinite(constants).all() and ((turns > 0).all() or (turns < 0).all()):
        functions = [partial(_apply, OPERATIONS[kind], float(constant)) for constant in constants]
        writer.monotone(value, columns.name, functions, increasing=bool((turns > 0).all()), certain=True)
    return numbers(value, columns.width)


def _apply(operation: Callable[[Any, Any], Any], constant: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(operation(values, constant), dtype=np.float64)


def clip_to_range(writer: GraphWriter, columns: Columns, low: float, high: float) -> Columns:
    """Write numbers clipped to a range; NaN stays missing."""
    value = writer.node(
        "Clip", [columns.name, writer.constant(np.array(low), "low"), writer.constant(np.array(high), "high")]
    )
    functions = [partial(np.clip, a_min=low, a_max=high)] * columns.width
    writer.monotone(value, columns.name, functions, certain=True)
    return numbers(value, columns.width)


def _divide_by_scale(writer: GraphWriter, columns: Columns, scale: NDArray[Any]) -> Columns:
    """Write the division by a scale; scikit-learn multiplies a sparse matrix by 1 / scale instead."""
    if columns.sparse:
        product = by_constant(writer, columns, "Mul", 1.0 / np.asarray(scale, dtype=np.float64))
        return dataclasses.replace(product, sparse=True, stored=columns.stored)
    return by_constant(writer, columns, "Div", scale)


def _centre_and_scale(
    writer: GraphWriter, columns: Columns, centre: NDArray[Any] | None, scale: NDArray[Any] | None
) -> Columns:
    """Write (x - centre) / scale; None omits a step."""
    writer.require_numbers(columns)
    refuse_rounding_differences(writer, columns)
    if centre is not None:
        columns = by_constant(writer, columns, "Sub", centre)
    return columns if scale is None else _divide_by_scale(writer, columns, scale)


@transformer(StandardScaler)
def standard_scaler(writer: GraphWriter, model: StandardScaler, columns: Columns) -> Columns:
    """Write (x - mean) / scale."""
    centre, scale = model.mean_ if model.with_mean else None, model.scale_ if model.with_std else None
    return _centre_and_scale(writer, columns, centre, scale)


@transformer(RobustScaler)
def robust_scaler(writer: GraphWriter, model: RobustScaler, columns: Columns) -> Columns:
    """Write (x - median) / range between quantiles."""
    centre, scale = model.center_ if model.with_centering else None, model.scale_ if model.with_scaling else None
    return _centre_and_scale(writer, columns, centre, scale)


@transformer(MaxAbsScaler)
def max_abs_scaler(writer: GraphWriter, model: MaxAbsScaler, columns: Columns) -> Columns:
    """Write x / largest magnitude, clipped to -1 and 1 if the model clips."""
    writer.require_numbers(columns)
    refuse_rounding_differences(writer, columns)
    scaled = _divide_by_scale(writer, columns, model.scale_)
    if not model.clip:
        return scaled
    return dataclasses.replace(clip_to_range(writer, scaled, -1.0, 1.0), sparse=scaled.sparse, stored=scaled.stored)


@transformer(MinMaxScaler)
def min_max_scaler(writer: GraphWriter, model: MinMaxScaler, columns: Columns) -> Columns:
    """Write x · scale + shift, clipped to the range if the model clips."""
    writer.require_numbers(columns)
    refuse_rounding_differences(writer, columns)
    scaled = by_constant(writer, by_constant(writer, columns, "Mul", model.scale_), "Add", model.min_)
    low, high = (float(end) for end in model.feature_range)
    return clip_to_range(writer, scaled, low, high) if model.clip else scaled


def _back_from_standard(writer: GraphWriter, scale: StandardScaler, raw: str) -> str:
    if scale.with_std:
        raw = writer.node("Mul", [raw, writer.constant(_row(scale.scale_), "scale")], "unscaled")
    return writer.node("Add", [raw, writer.constant(_row(scale.mean_), "mean")], "unscaled") if scale.with_mean else raw


def _back_from_robust(writer: GraphWriter, scale: RobustScaler, raw: str) -> str:
    if scale.with_scaling:
        raw = writer.node("Mul", [raw, writer.constant(_row(scale.scale_), "scale")], "unscaled")
    return (
        writer.node("Add", [raw, writer.constant(_row(scale.center_), "centre")], "unscaled")
        if scale.with_centering
        else raw
    )


def _back_from_max_abs(writer: GraphWriter, scale: MaxAbsScaler, raw: str) -> str:
    return writer.node("Mul", [raw, writer.constant(_row(scale.scale_), "scale")], "unscaled")


def _back_from_min_max(writer: GraphWriter, scale: MinMaxScaler, raw: str) -> str:
    shifted = writer.node("Sub", [raw, writer.constant(_row(scale.min_), "shift")], "unscaled")
    return writer.node("Div", [shifted, writer.constant(_row(scale.scale_), "scale")], "unscaled")


def _row(array: Any) -> NDArray[np.float64]:
    return np.asarray(array, dtype=np.float64).reshape(1, -1)


INVERSES[StandardScaler] = _back_from_standard
INVERSES[RobustScaler] = _back_from_robust
INVERSES[MaxAbsScaler] = _back_from_max_abs
INVERSES[MinMaxScaler] = _back_from_min_max
