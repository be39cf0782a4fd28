"""Elementary functions as ONNX nodes in double, for functions that ONNX or ONNX Runtime lacks or computes less exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tabento.export.graph.writer import GraphWriter

WriteFunction = Callable[[GraphWriter, str], str]
TINY = float(np.finfo(np.float64).smallest_subnormal)
LARGEST = float(np.finfo(np.float64).max)
LARGEST_ANGLE = 1e6
"""The largest argument for which multiples of the rounded π are close enough to the function's turning points."""
QUARTER_TURN = (float.fromhex("0x1.921fb54400000p+0"), float.fromhex("0x1.0b4611a600000p-34"), 2.0222662487959506e-21)
"""π/2 as a sum of three parts. The first two have 33 bits, so that their product with an integer is exact."""


def _unit(writer: GraphWriter) -> str:
    return writer.constant(np.ones((1, 1)), "one")


def _zero(writer: GraphWriter) -> str:
    return writer.constant(np.zeros((1, 1)), "zero")


def write_log1p(writer: GraphWriter, value: str) -> str:
    """Write log(1 + x), exact for small x too: log(u) + (x - (u - 1)) / u with u = 1 + x. The quotient corrects the rounding of u.

    At -1 u is 0, the quotient is 0 and the sum is -∞, which is the right result.
    """
    one_plus = writer.node("Add", [value, _unit(writer)], "more")
    rounding = writer.node("Sub", [value, writer.node("Sub", [one_plus, _unit(writer)], "less")], "lost")
    divisor = writer.node("Max", [one_plus, writer.constant(np.full((1, 1), TINY), "tiny")], "divisor")
    return writer.node("Add", [writer.node("Log", [one_plus]), writer.node("Div", [rounding, divisor])], "log1p")


def write_expm1(writer: GraphWriter, value: str) -> str:
    """Write exp(x) - 1, exact for small x too: tanh(x / 2) · (exp(x) + 1)."""
    half = writer.node("Mul", [value, writer.constant(np.full((1, 1), 0.5), "half")], "half")
    power_plus_one = writer.node("Add", [writer.node("Exp", [value], "power"), _unit(writer)], "more")
    return writer.node("Mul", [writer.node("Tanh", [half]), power_plus_one], "expm1")


def write_square_of_positive(writer: GraphWriter, value: str) -> str:
    """Write max(x, 0)²."""
    positive = writer.node("Max", [value, _zero(writer)], "positive")
    return writer.node("Mul", [positive, positive], "square")


def write_cube_root(writer: GraphWriter, value: str) -> str:
    """Write the cube root, with the sign of x."""
    root = writer.node(
        "Pow", [writer.node("Abs", [value]), writer.constant(np.full((1, 1), 1.0 / 3.0), "third")], "root"
    )
    return writer.node("Mul", [writer.node("Sign", [value]), root], "cube_root")


def write_arcsinh(writer: GraphWriter, value: str) -> str:
    """Write ±log1p(m + m² / (1 + √(m² + 1))) with m = |x|. For large m, whose square can be infinite, log(2m) is used."""
    size = writer.node("Abs", [value], "size")
    square = writer.node("Mul", [size, size], "square")
    root = writer.node("Sqrt", [writer.node("Add", [square, _unit(writer)])], "root")
    sum_with_root = writer.node(
        "Add", [size, writer.node("Div", [square, writer.node("Add", [root, _unit(writer)])])], "grown"
    )
    far = writer.node("Greater", [size, writer.constant(np.full((1, 1), 1e100), "far")], "far")
    logarithm = write_log1p(writer, writer.node("Where", [far, size, sum_with_root]))
    two = writer.constant(np.full((1, 1), np.log(2.0)), "two")
    magnitude = writer.node("Where", [far, writer.node("Add", [logarithm, two]), logarithm], "magnitude")
    return writer.node("Mul", [writer.node("Sign", [value]), magnitude], "arcsinh")


def write_nan_to_num(writer: GraphWriter, value: str) -> str:
    """Write x with 0 for NaN and the largest doubles for infinity."""
    without_nan = writer.node("Where", [writer.node("IsNaN", [value], "missing"), _zero(writer), value], "known")
    ends = [writer.constant(np.array(end), "end") for end in (-LARGEST, LARGEST)]
    return writer.node("Clip", [without_nan, *ends], "finite")


def write_logistic(writer: GraphWriter, value: str) -> str:
    """Write 1 / (1 + exp(-x)). If exp overflows, the quotient is 0, which is the right result."""
    power = writer.node("Exp", [writer.node("Neg", [value])], "power")
    return writer.node("Div", [_unit(writer), writer.node("Add", [power, _unit(writer)])], "logistic")


def write_tangent(writer: GraphWriter, value: str) -> str:
    """Write sin / cos of the remainder after the nearest multiple k of π/2; for odd k, the negative inverse.

    π/2 is subtracted in three parts, so that no digits are lost if the cosine is almost 0 (Cody and Waite 1980). For large
    arguments the quotient is computed from the number itself.
    """

    def scalar(number: float) -> str:
        return writer.constant(np.full((1, 1), number), "constant")

    turns = writer.node("Round", [writer.node("Mul", [value, scalar(2.0 / np.pi)])], "turns")
    rest = value
    for part in QUARTER_TURN:
        rest = writer.node("Sub", [rest, writer.node("Mul", [turns, scalar(part)])], "rest")
    far = writer.node("Greater", [writer.node("Abs", [value]), scalar(LARGEST_ANGLE)], "far")
    half = writer.node("Mul", [turns, scalar(0.5)])
    odd = writer.node("Less", [writer.node("Floor", [half]), half], "odd")
    angle = writer.node("Where", [far, value, rest], "angle")
    sine, cosine = writer.node("Sin", [angle]), writer.node("Cos", [angle])
    plain = writer.node("Div", [sine, cosine], "tangent")
    turned = writer.node("Neg", [writer.node("Div", [cosine, sine])], "turned")
    return writer.node("Where", [writer.node("And", [odd, writer.node("Not", [far])]), turned, plain], "tangent")


def write_arctangent(writer: GraphWriter, value: str) -> str:
    """Write the arctangent, which ONNX Runtime lacks in double: the angle is halved twice, then the power series is used.

    arctan(x) = π/2 - arctan(1/x) makes the argument at most 1. Using arctan(x) = 2·arctan(x / (1 + √(1 + x²))) twice makes
    it at most 0.199. There 13 terms of x - x³/3 + x⁵/5 - … are exact to the last bits.
    """
    size = writer.node("Abs", [value], "size")
    large = writer.node("Greater", [size, _unit(writer)], "large")
    divisor = writer.node("Max", [size, writer.constant(np.full((1, 1), TINY), "tiny")], "divisor")
    part = writer.node("Where", [large, writer.node("Div", [_unit(writer), divisor]), size], "part")
    for _ in range(2):
        square_plus_one = writer.node("Add", [_unit(writer), writer.node("Mul", [part, part])])
        part = writer.node(
            "Div", [part, writer.node("Add", [_unit(writer), writer.node("Sqrt", [square_plus_one])])], "half"
        )
    square = writer.node("Mul", [part, part], "square")
    terms = [(-1.0) ** place / (2 * place + 1) for place in range(13)]
    series = writer.constant(np.full((1, 1), terms[-1]), "term")
    for term in terms[-2:0:-1]:
        product = writer.node("Mul", [series, square])
        series = writer.node("Add", [product, writer.constant(np.full((1, 1), term), "term")], "series")
    rest = writer.node("Mul", [writer.node("Mul", [series, square]), part], "rest")
    angle = writer.node(
        "Mul", [writer.node("Add", [part, rest]), writer.constant(np.full((1, 1), 4.0), "four")], "angle"
    )
    other = writer.node("Sub", [writer.constant(np.full((1, 1), np.pi / 2), "quarter"), angle])
    return writer.node("Mul", [writer.node("Sign", [value]), writer.node("Where", [large, other, angle])], "arctangent")


def write_reciprocal(writer: GraphWriter, value: str) -> str:
    """Write 1 / x."""
    return writer.node("Div", [_unit(writer), value], "reciprocal")


def write_square(writer: GraphWriter, value: str) -> str:
    """Write x²."""
    return writer.node("Mul", [value, value], "square")


def scaled_logarithm(base: float) -> WriteFunction:
    """Return the function that writes the logarithm to a base."""

    def write(writer: GraphWriter, value: str) -> str:
        logarithm = writer.node("Log", [value], "logarithm")
        return writer.node("Div", [logarithm, writer.constant(np.full((1, 1), np.log(base)), "base")], "logarithm")

    return write


def operator_writer(operator: str) -> WriteFunction:
    """Return the function that writes one ONNX operator."""

    def write(writer: GraphWriter, value: str) -> str:
        return writer.node(operator, [value])

    return write
