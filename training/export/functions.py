"""Functions that a FunctionTransformer or a target's scale may name, and what they are in ONNX.

Only functions that are listed here are known: from a function alone nobody can tell what it computes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.preprocessing import FunctionTransformer

from training.export.pen import Pen
from training.export.values import Columns, numbers
from training.pipeline import square_of_positive

Emit = Callable[[Pen, str], str]
TINY = float(np.finfo(np.float64).smallest_subnormal)
LARGEST = float(np.finfo(np.float64).max)


def _one(pen: Pen) -> str:
    return pen.constant(np.ones((1, 1)), "one")


def _zero(pen: Pen) -> str:
    return pen.constant(np.zeros((1, 1)), "zero")


def write_log1p(pen: Pen, value: str) -> str:
    """log(1 + x), right for small x too: log(u) + (x - (u - 1)) / u with u = 1 + x, which adds what rounding took off u.

    At -1, where u is 0, the quotient is 0 and the sum -∞, as it should be.
    """
    more = pen.node("Add", [value, _one(pen)], "more")
    lost = pen.node("Sub", [value, pen.node("Sub", [more, _one(pen)], "less")], "lost")
    divisor = pen.node("Max", [more, pen.constant(np.full((1, 1), TINY), "tiny")], "divisor")
    return pen.node("Add", [pen.node("Log", [more]), pen.node("Div", [lost, divisor])], "log1p")


def write_expm1(pen: Pen, value: str) -> str:
    """exp(x) - 1, right for small x too: tanh(x / 2) · (exp(x) + 1)."""
    half = pen.node("Mul", [value, pen.constant(np.full((1, 1), 0.5), "half")], "half")
    more = pen.node("Add", [pen.node("Exp", [value], "power"), _one(pen)], "more")
    return pen.node("Mul", [pen.node("Tanh", [half]), more], "expm1")


def _square_of_positive(pen: Pen, value: str) -> str:
    positive = pen.node("Max", [value, _zero(pen)], "positive")
    return pen.node("Mul", [positive, positive], "square")


def _cube_root(pen: Pen, value: str) -> str:
    root = pen.node("Pow", [pen.node("Abs", [value]), pen.constant(np.full((1, 1), 1.0 / 3.0), "third")], "root")
    return pen.node("Mul", [pen.node("Sign", [value]), root], "cube_root")


def _arcsinh(pen: Pen, value: str) -> str:
    """±log1p(m + m² / (1 + √(m² + 1))) with m = |x|; m² is infinite from 1e154 on, where log(2m) is meant."""
    size = pen.node("Abs", [value], "size")
    square = pen.node("Mul", [size, size], "square")
    root = pen.node("Sqrt", [pen.node("Add", [square, _one(pen)])], "root")
    grown = pen.node("Add", [size, pen.node("Div", [square, pen.node("Add", [root, _one(pen)])])], "grown")
    far = pen.node("Greater", [size, pen.constant(np.full((1, 1), 1e100), "far")], "far")
    near = write_log1p(pen, pen.node("Where", [far, size, grown]))
    two = pen.constant(np.full((1, 1), np.log(2.0)), "two")
    magnitude = pen.node("Where", [far, pen.node("Add", [near, two]), near], "magnitude")
    return pen.node("Mul", [pen.node("Sign", [value]), magnitude], "arcsinh")


def _nan_to_num(pen: Pen, value: str) -> str:
    known = pen.node("Where", [pen.node("IsNaN", [value], "missing"), _zero(pen), value], "known")
    ends = [pen.constant(np.array(end), "end") for end in (-LARGEST, LARGEST)]
    return pen.node("Clip", [known, *ends], "finite")


def _logistic(pen: Pen, value: str) -> str:
    """1 / (1 + exp(-x)): where exp overflows, the quotient is 0, which is right."""
    power = pen.node("Exp", [pen.node("Neg", [value])], "power")
    return pen.node("Div", [_one(pen), pen.node("Add", [power, _one(pen)])], "logistic")


def _scaled_logarithm(base: float) -> Emit:
    def emit(pen: Pen, value: str) -> str:
        logarithm = pen.node("Log", [value], "logarithm")
        return pen.node("Div", [logarithm, pen.constant(np.full((1, 1), np.log(base)), "base")], "logarithm")

    return emit


def _plain(operator: str) -> Emit:
    def emit(pen: Pen, value: str) -> str:
        return pen.node(operator, [value])

    return emit


FUNCTIONS: dict[Callable[..., Any], Emit] = {
    np.abs: _plain("Abs"),
    np.arcsinh: _arcsinh,
    np.cbrt: _cube_root,
    np.ceil: _plain("Ceil"),
    np.exp: _plain("Exp"),
    np.expm1: write_expm1,
    np.floor: _plain("Floor"),
    np.log: _plain("Log"),
    np.log10: _scaled_logarithm(10.0),
    np.log1p: write_log1p,
    np.log2: _scaled_logarithm(2.0),
    np.nan_to_num: _nan_to_num,
    np.negative: _plain("Neg"),
    np.reciprocal: lambda pen, value: pen.node("Div", [_one(pen), value], "reciprocal"),
    np.rint: _plain("Round"),
    np.sign: _plain("Sign"),
    np.sqrt: _plain("Sqrt"),
    np.square: lambda pen, value: pen.node("Mul", [value, value], "square"),
    np.tanh: _plain("Tanh"),
    expit: _logistic,
    square_of_positive: _square_of_positive,
}
"""What each known function is in ONNX: takes and gives a value of shape (N, any)."""

RISING: dict[Callable[..., Any], tuple[float, float]] = {
    np.abs: (0.0, np.inf),
    np.arcsinh: (-np.inf, np.inf),
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
"""Functions that rise, with the domain on which they do: trees look through them."""

FALLING: dict[Callable[..., Any], tuple[float, float]] = {
    np.negative: (-np.inf, np.inf),
    np.reciprocal: (TINY, np.inf),
}
"""Functions that fall, with the domain on which they do."""


def apply_function(pen: Pen, function: Callable[..., Any], columns: Columns) -> Columns:
    """Write a known function of every column.

    Raises:
        ExportError: nothing is known about it.
    """
    emit = _known(pen, function, "")
    pen.require_numbers(columns)
    value = emit(pen, columns.name)
    domain = RISING.get(function) or FALLING.get(function)
    if domain is not None:
        judges = [_quiet(function)] * columns.width
        pen.monotone(value, columns.name, judges, increasing=function in RISING, domain=domain)
    return dataclasses.replace(numbers(value, columns.width), sparse=columns.sparse)


def _known(pen: Pen, function: Callable[..., Any], role: str) -> Emit:
    emit = FUNCTIONS.get(function)
    if emit is None:
        name = getattr(function, "__name__", repr(function))
        known = ", ".join(sorted(known.__name__ for known in FUNCTIONS))
        raise pen.refusal(f"nothing is known about {role}{name}", f"one of {known}, or Ratios for quotients of columns")
    return emit


def _quiet(function: Callable[..., Any]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return a function that says nothing of overflow: at the ends of the doubles it is expected."""

    def call(values: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(all="ignore"):
            return np.asarray(function(values), dtype=np.float64)

    return call


def _inverse_function(pen: Pen, scale: FunctionTransformer, raw: str) -> str:
    if scale.inverse_func is None:
        return raw
    if scale.inv_kw_args:
        raise pen.refusal(f"the inverse is called with {scale.inv_kw_args}", "a function without inv_kw_args")
    return _known(pen, scale.inverse_func, "the inverse ")(pen, raw)


INVERSES: dict[type, Callable[[Pen, Any, str], str]] = {FunctionTransformer: _inverse_function}
"""How a target is taken back from its scale, by the kind of transformer; other files add theirs."""
