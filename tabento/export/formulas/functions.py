"""Known functions: the functions that a FunctionTransformer or a target's scale can name, and their ONNX nodes.

The computation of a Python function cannot be read from the function object, so functions of one number are listed here.
Functions of several columns, or with arguments, are traced (``tabento.export.tracing``) to functions of this list.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.preprocessing import FunctionTransformer

from tabento.export.analysis.exactness import inexact_columns
from tabento.export.formulas.elementary_functions import (
    LARGEST,
    LARGEST_ANGLE,
    TINY,
    WriteFunction,
    operator_writer,
    scaled_logarithm,
    write_arcsinh,
    write_arctangent,
    write_cube_root,
    write_expm1,
    write_log1p,
    write_logistic,
    write_nan_to_num,
    write_reciprocal,
    write_square,
    write_square_of_positive,
    write_tangent,
)
from tabento.export.graph.facts import TurningPoints
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.transformers.target_scales import square_of_positive

FUNCTIONS: dict[Callable[..., Any], WriteFunction] = {
    np.abs: operator_writer("Abs"),
    np.arcsinh: write_arcsinh,
    np.arctan: write_arctangent,
    np.cbrt: write_cube_root,
    np.ceil: operator_writer("Ceil"),
    np.cos: operator_writer("Cos"),
    np.exp: operator_writer("Exp"),
    np.expm1: write_expm1,
    np.floor: operator_writer("Floor"),
    np.log: operator_writer("Log"),
    np.log10: scaled_logarithm(10.0),
    np.log1p: write_log1p,
    np.log2: scaled_logarithm(2.0),
    np.nan_to_num: write_nan_to_num,
    np.negative: operator_writer("Neg"),
    np.reciprocal: write_reciprocal,
    np.rint: operator_writer("Round"),
    np.sign: operator_writer("Sign"),
    np.sin: operator_writer("Sin"),
    np.sqrt: operator_writer("Sqrt"),
    np.square: write_square,
    np.tan: write_tangent,
    np.tanh: operator_writer("Tanh"),
    expit: write_logistic,
    square_of_positive: write_square_of_positive,
}
"""By function of one number: the function that writes it for a value of shape (N, any)."""

RISING: dict[Callable[..., Any], tuple[float, float]] = {
    np.abs: (0.0, np.inf),
    np.arcsinh: (-np.inf, np.inf),
    np.arctan: (-np.inf, np.inf),
    np.cbrt: (-np.inf, np.inf),
    np.ceil: (-np.inf, np.inf),
    np.exp: (-np.inf, np.inf),
    np.expm1: (-np.inf, np.inf),
    np.floor: (-np.inf, np.inf),
    np.log: (0.0, np.inf),
    np.log10: (0.0, np.inf),
    np.log1p: (-1.0, np.inf),
    np.log2: (0.0, np.inf),
    np.rint: (-np.inf, np.inf),
    np.sign: (-np.inf, np.inf),
    np.sqrt: (0.0, np.inf),
    np.square: (0.0, np.inf),
    np.tanh: (-np.inf, np.inf),
    expit: (-np.inf, np.inf),
    square_of_positive: (-np.inf, np.inf),
}
"""By increasing function: the domain on which it increases. Folding moves such functions into thresholds."""

FALLING: dict[Callable[..., Any], tuple[float, float]] = {
    np.negative: (-np.inf, np.inf),
    np.reciprocal: (TINY, np.inf),
}
"""By decreasing function: the domain on which it decreases."""

EXACT = frozenset(
    (
        np.abs,
        np.ceil,
        np.floor,
        np.nan_to_num,
        np.negative,
        np.reciprocal,
        np.rint,
        np.sign,
        np.sqrt,
        np.square,
        square_of_positive,
    )
)
"""Functions with the same bits in every library, by IEEE 754. Other functions can have another last bit."""

DISCONTINUOUS = frozenset((np.ceil, np.floor, np.rint, np.sign))
"""Discontinuous functions: another last bit of the argument can give another integer."""

MAX_TURNING_POINTS = 256
"""The largest number of turning points within a column's range for which folding is applied."""


def _defined_from(start: float) -> TurningPoints:
    """Return the start of a function's domain as its only turning point."""
    last = np.array([np.nextafter(start, -np.inf)])

    def points_within(_low: float, _high: float) -> NDArray[np.float64]:
        return last

    return TurningPoints(points_within)


def _periodic(first: float) -> TurningPoints:
    """Return the turning points of a function that turns at ``first`` and at every multiple of π from there."""

    def points_within(low: float, high: float) -> NDArray[np.float64] | None:
        if not (high - low) / np.pi <= MAX_TURNING_POINTS or max(abs(low), abs(high)) > LARGEST_ANGLE:
            return None
        return first + np.pi * np.arange(np.floor((low - first) / np.pi), np.ceil((high - first) / np.pi) + 1)

    return TurningPoints(points_within, flat=True)


NOWHERE = (LARGEST, -LARGEST)
"""The empty domain of a function that is nowhere monotone."""

SAFE_IN_INTEGERS = frozenset((np.abs, np.ceil, np.floor, np.nan_to_num, np.rint, np.sign, np.square))
"""Functions whose results for 64-bit integers (codes of categories) equal the results for the same numbers in float64."""

TURNING_POINTS: dict[Callable[..., Any], TurningPoints] = {
    np.cos: _periodic(0.0),
    np.log: _defined_from(0.0),
    np.log10: _defined_from(0.0),
    np.log1p: _defined_from(-1.0),
    np.log2: _defined_from(0.0),
    np.sin: _periodic(np.pi / 2),
}
"""By function that is not exact: its turning points. Outside of the monotone domain folding works between them."""


def apply_function(writer: GraphWriter, function: Callable[..., Any], columns: Columns) -> Columns:
    """Write a known function of every column.

    Raises:
        ExportError: the function is not listed, or its exact result depends on the last bit of its argument.
    """
    write_function = _known_function(writer, function, "")
    writer.require_numbers(columns)
    dtypes = writer.dtypes(columns)
    results = tuple(_result_type(writer, function, dtype) for dtype in dtypes)
    inexact = inexact_columns(writer.graph, columns.name)
    if function in DISCONTINUOUS and inexact is not None:
        raise writer.refusal(
            f"np.{function.__name__} would change with the last bit of {next(name for name in inexact if name)}, which differs"
            " between NumPy and ONNX Runtime",
            f"np.{function.__name__} of the columns themselves",
        )
    if function in DISCONTINUOUS:
        writer.refuse_machine_dependent(
            columns,
            f"np.{function.__name__} would change with the last bit of",
            f"np.{function.__name__} of the columns themselves",
        )
    value = write_function(writer, columns.name)
    writer.graph.overflowing[value] = f"np.{function.__name__}"
    mark_function(writer, function, value, columns.name, columns.width)
    writer.graph.widths[value] = columns.width
    writer.keep_dtypes(value, results)
    return dataclasses.replace(numbers(value, columns.width), sparse=columns.sparse)


def mark_function(writer: GraphWriter, function: Callable[..., Any], value: str, source: str, width: int) -> None:
    """Record for the result of a known function where it is monotone and whether it is exact."""
    domain, turning_points = RISING.get(function) or FALLING.get(function), TURNING_POINTS.get(function)
    if domain is not None or turning_points is not None:
        functions = [_without_warnings(function)] * width
        increasing = function not in FALLING
        writer.monotone(
            value, source, functions, increasing=increasing, domain=domain or NOWHERE, turning_points=turning_points
        )
    if function not in EXACT:
        writer.graph.inexact[value] = f"np.{function.__name__}" if function is not expit else "expit"


def _result_type(writer: GraphWriter, function: Callable[..., Any], dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of a function's result for a column that is not float64 in scikit-learn.

    Raises:
        ExportError: NumPy's result differs from the result for the same numbers as float64.
    """
    if dtype == np.float64:
        return dtype
    try:
        with np.errstate(all="ignore"):
            result = np.asarray(function(np.ones((1, 1), dtype=dtype))).dtype
    except TypeError:
        result = np.dtype(np.object_)
    same = result == np.float64 or (result.kind in "iu" and result.itemsize == 8 and function in SAFE_IN_INTEGERS)
    if not same:
        raise writer.refusal(
            f"{function.__name__} would compute in {dtype}, because the columns that reach it are {dtype}",
            "dtype=float64 in the step before it",
        )
    return result


def _known_function(writer: GraphWriter, function: Callable[..., Any], role: str) -> WriteFunction:
    write_function = FUNCTIONS.get(function)
    if write_function is None:
        name = getattr(function, "__name__", repr(function))
        raise writer.refusal(
            f"nothing is known about {role}{name}",
            "np.expm1 after np.log1p, or another of tabento.export.formulas.functions",
        )
    return write_function


def _without_warnings(function: Callable[..., Any]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return a function without warnings about overflow, which is expected at the ends of the doubles."""

    def call(values: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):
            return np.asarray(function(values), dtype=np.float64)

    return call


def _inverse_function(writer: GraphWriter, scale: FunctionTransformer, raw: str) -> str:
    if scale.inverse_func is None:
        return raw
    if scale.inv_kw_args:
        raise writer.refusal(f"the inverse is called with {scale.inv_kw_args}", "a function without inv_kw_args")
    return _known_function(writer, scale.inverse_func, "the inverse ")(writer, raw)


INVERSES: dict[type, Callable[[GraphWriter, Any, str], str]] = {FunctionTransformer: _inverse_function}
"""By transformer class: the function that writes the inverse of a target's scale. Converters add their classes."""
