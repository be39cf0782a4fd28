"""Functions that a FunctionTransformer or a target's scale may name, and what they are in ONNX.

From a function alone nobody can tell what it computes, so functions of one number are listed here. Those that compute with
several columns, or are called with arguments, are traced (``training.export.tracing``) down to functions of this list.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.preprocessing import FunctionTransformer

from training.export.exactness import inexact_columns
from training.export.graph import Turns
from training.export.pen import Pen
from training.export.values import Columns, numbers
from training.pipeline import square_of_positive

Emit = Callable[[Pen, str], str]
TINY = float(np.finfo(np.float64).smallest_subnormal)
LARGEST = float(np.finfo(np.float64).max)
LARGEST_ANGLE = 1e6
"""Up to where turns that are multiples of the rounded π are those of the function, but for what is level around them."""
QUARTER_TURN = (float.fromhex("0x1.921fb54400000p+0"), float.fromhex("0x1.0b4611a600000p-34"), 2.0222662487959506e-21)
"""π/2 in three parts, of which the first two have 33 bits, so that their product with a whole number is exact."""


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


def _tangent(pen: Pen, value: str) -> str:
    """sin / cos of what is left over by the nearest multiple k of π/2, turned over and negated where k is odd.

    π/2 is taken off in three parts, so that nothing is lost where the cosine is nearly 0 (Cody and Waite 1980); far from 0
    the quotient is that of the number itself.
    """

    def scalar(number: float) -> str:
        return pen.constant(np.full((1, 1), number), "constant")

    turns = pen.node("Round", [pen.node("Mul", [value, scalar(2.0 / np.pi)])], "turns")
    rest = value
    for part in QUARTER_TURN:
        rest = pen.node("Sub", [rest, pen.node("Mul", [turns, scalar(part)])], "rest")
    far = pen.node("Greater", [pen.node("Abs", [value]), scalar(LARGEST_ANGLE)], "far")
    half = pen.node("Mul", [turns, scalar(0.5)])
    odd = pen.node("Less", [pen.node("Floor", [half]), half], "odd")
    near = pen.node("Where", [far, value, rest], "angle")
    sine, cosine = pen.node("Sin", [near]), pen.node("Cos", [near])
    plain = pen.node("Div", [sine, cosine], "tangent")
    turned = pen.node("Neg", [pen.node("Div", [cosine, sine])], "turned")
    return pen.node("Where", [pen.node("And", [odd, pen.node("Not", [far])]), turned, plain], "tangent")


def _arctangent(pen: Pen, value: str) -> str:
    """The arctangent, of which ONNX Runtime has no double: halved twice, then its power series.

    arctan(x) = π/2 - arctan(1/x) makes the argument at most 1, and arctan(x) = 2·arctan(x / (1 + √(1 + x²))), twice, at
    most 0.199; there 13 terms of x - x³/3 + x⁵/5 - … are right to the last bits.
    """
    size = pen.node("Abs", [value], "size")
    large = pen.node("Greater", [size, _one(pen)], "large")
    divisor = pen.node("Max", [size, pen.constant(np.full((1, 1), TINY), "tiny")], "divisor")
    part = pen.node("Where", [large, pen.node("Div", [_one(pen), divisor]), size], "part")
    for _ in range(2):
        more = pen.node("Add", [_one(pen), pen.node("Mul", [part, part])])
        part = pen.node("Div", [part, pen.node("Add", [_one(pen), pen.node("Sqrt", [more])])], "half")
    square = pen.node("Mul", [part, part], "square")
    terms = [(-1.0) ** place / (2 * place + 1) for place in range(13)]
    series = pen.constant(np.full((1, 1), terms[-1]), "term")
    for term in terms[-2:0:-1]:
        more = pen.node("Mul", [series, square])
        series = pen.node("Add", [more, pen.constant(np.full((1, 1), term), "term")], "series")
    rest = pen.node("Mul", [pen.node("Mul", [series, square]), part], "rest")
    angle = pen.node("Mul", [pen.node("Add", [part, rest]), pen.constant(np.full((1, 1), 4.0), "four")], "angle")
    other = pen.node("Sub", [pen.constant(np.full((1, 1), np.pi / 2), "quarter"), angle])
    return pen.node("Mul", [pen.node("Sign", [value]), pen.node("Where", [large, other, angle])], "arctangent")


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
    np.arctan: _arctangent,
    np.cbrt: _cube_root,
    np.ceil: _plain("Ceil"),
    np.cos: _plain("Cos"),
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
    np.sin: _plain("Sin"),
    np.sqrt: _plain("Sqrt"),
    np.square: lambda pen, value: pen.node("Mul", [value, value], "square"),
    np.tan: _tangent,
    np.tanh: _plain("Tanh"),
    expit: _logistic,
    square_of_positive: _square_of_positive,
}
"""What each known function is in ONNX: takes and gives a value of shape (N, any)."""

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
"""Functions that rise, with the domain on which they do: trees look through them."""

FALLING: dict[Callable[..., Any], tuple[float, float]] = {
    np.negative: (-np.inf, np.inf),
    np.reciprocal: (TINY, np.inf),
}
"""Functions that fall, with the domain on which they do."""

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
"""Functions that have the same bits everywhere, by IEEE 754; of the others another library may compute another last bit."""

JUMPS = frozenset((np.ceil, np.floor, np.rint, np.sign))
"""Functions that jump: another last bit in front of them may be another whole number behind them."""

TURNS_MAX = 256
"""How often a function may turn within a column's range for trees to look through it."""


def _from(start: float) -> Turns:
    """Return the place from which on a function is defined."""
    last = np.array([np.nextafter(start, -np.inf)])

    def within(_low: float, _high: float) -> NDArray[np.float64]:
        return last

    return Turns(within)


def _periodic(first: float) -> Turns:
    """Return the turns of a function that turns at ``first`` and every π from there."""

    def within(low: float, high: float) -> NDArray[np.float64] | None:
        if not (high - low) / np.pi <= TURNS_MAX or max(abs(low), abs(high)) > LARGEST_ANGLE:
            return None
        return first + np.pi * np.arange(np.floor((low - first) / np.pi), np.ceil((high - first) / np.pi) + 1)

    return Turns(within, flat=True)


NOWHERE = (LARGEST, -LARGEST)
"""The domain of a function that rises or falls nowhere for good."""

SAFE_IN_INTEGERS = frozenset((np.abs, np.ceil, np.floor, np.nan_to_num, np.rint, np.sign, np.square))
"""Functions that answer the same to integers of 64 bits, the codes of categories, as to the same numbers in float64."""

TURNS: dict[Callable[..., Any], Turns] = {
    np.cos: _periodic(0.0),
    np.log: _from(0.0),
    np.log10: _from(0.0),
    np.log1p: _from(-1.0),
    np.log2: _from(0.0),
    np.sin: _periodic(np.pi / 2),
}
"""Where functions that are not exact turn: trees look through them piece by piece where the domain is left."""


def apply_function(pen: Pen, function: Callable[..., Any], columns: Columns) -> Columns:
    """Write a known function of every column.

    Raises:
        ExportError: nothing is known about it.
    """
    emit = _known(pen, function, "")
    pen.require_numbers(columns)
    dtypes = pen.dtypes(columns)
    results = tuple(_result_type(pen, function, dtype) for dtype in dtypes)
    inexact = inexact_columns(pen.graph, columns.name)
    if function in JUMPS and inexact is not None:
        raise pen.refusal(
            f"np.{function.__name__} would jump with the last bit of {next(name for name in inexact if name)}, which differs"
            " between NumPy and ONNX Runtime",
            f"np.{function.__name__} of the columns themselves",
        )
    if function in JUMPS:
        pen.require_settled(
            columns, f"np.{function.__name__} would jump with", f"np.{function.__name__} of the columns themselves"
        )
    value = emit(pen, columns.name)
    pen.graph.overflowing[value] = f"np.{function.__name__}"
    mark_function(pen, function, value, columns.name, columns.width)
    pen.graph.widths[value] = columns.width
    pen.keep_dtypes(value, results)
    return dataclasses.replace(numbers(value, columns.width), sparse=columns.sparse)


def mark_function(pen: Pen, function: Callable[..., Any], value: str, source: str, width: int) -> None:
    """Say of a value that is a known function of another one where trees may look through it, and whether it is exact."""
    domain, turns = RISING.get(function) or FALLING.get(function), TURNS.get(function)
    if domain is not None or turns is not None:
        judges = [_quiet(function)] * width
        increasing = function not in FALLING
        pen.monotone(value, source, judges, increasing=increasing, domain=domain or NOWHERE, turns=turns)
    if function not in EXACT:
        pen.graph.inexact[value] = f"np.{function.__name__}" if function is not expit else "expit"


def _result_type(pen: Pen, function: Callable[..., Any], dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which a function answers to a column that scikit-learn does not keep as float64.

    Raises:
        ExportError: NumPy computes something else than it does of the same numbers as float64.
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
        raise pen.refusal(
            f"{function.__name__} would compute in {dtype}, because the columns that reach it are {dtype}",
            "dtype=float64 in the step in front of it",
        )
    return result


def _known(pen: Pen, function: Callable[..., Any], role: str) -> Emit:
    emit = FUNCTIONS.get(function)
    if emit is None:
        name = getattr(function, "__name__", repr(function))
        raise pen.refusal(
            f"nothing is known about {role}{name}", "np.expm1 behind np.log1p, or another of training.export.functions"
        )
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
