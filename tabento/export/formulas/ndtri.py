"""The inverse of the normal distribution function, as SciPy computes it; ONNX has no such operator.

S. L. Moshier's Cephes library (Methods and Programs for Mathematical Functions, 1989), ``ndtri``: one quotient of
polynomials around the median and another one in the tails. SciPy has a third one for probabilities below exp(-32), which
no caller in this package needs.
"""

from __future__ import annotations

import numpy as np

from tabento.export.graph.writer import GraphWriter

TAIL = 0.13533528323661269189
"""exp(-2): up to this probability from either end the tail's quotient is used."""
ROOT_OF_TAU = 2.50662827463100050242
"""√(2π)."""
CENTRE_NUMERATOR = (
    -59.9633501014107895267,
    98.0010754185999661536,
    -56.6762857469070293439,
    13.9312609387279679503,
    -1.23916583867381258016,
)
CENTRE_DENOMINATOR = (
    1.0,
    1.95448858338141759834,
    4.67627912898881538453,
    86.3602421390890590575,
    -225.462687854119370527,
    200.260212380060660359,
    -82.0372256168333339912,
    15.9056225126211695515,
    -1.18331621121330003142,
)
TAIL_NUMERATOR = (
    4.05544892305962419923,
    31.5251094599893866154,
    57.1628192246421288162,
    44.0805073893200834700,
    14.6849561928858024014,
    2.18663306850790267539,
    -0.140256079171354495875,
    -0.0350424626827848203418,
    -0.000857456785154685413611,
)
TAIL_DENOMINATOR = (
    1.0,
    15.7799883256466749731,
    45.3907635128879210584,
    41.3172038254672030440,
    15.0425385692907503408,
    2.50464946208309415979,
    -0.142182922854787788574,
    -0.0380806407691578277194,
    -0.000933259480895457427372,
)
"""Coefficients of the quotients' numerators and denominators, highest power first."""


def write_ndtri(writer: GraphWriter, share: str) -> str:
    """Write x such that a standard normal variable is below x with a probability.

    Args:
        writer: the graph writer.
        share: the probability, float64 of shape (N, any), between exp(-32) and 1 - exp(-32), or NaN.
    """
    unit = writer.constant(np.ones((1, 1)), "one")
    rest = writer.node("Sub", [unit, share], "rest")
    upper = writer.node("Greater", [share, writer.constant(np.full((1, 1), 1.0 - TAIL), "upper_tail")], "upper")
    nearer = writer.node("Where", [upper, rest, share], "nearer")
    central = writer.node("Greater", [nearer, writer.constant(np.full((1, 1), TAIL), "tail")], "central")
    middle = writer.node(
        "Where", [central, _centre(writer, nearer), writer.node("Neg", [_tail(writer, nearer)])], "quantile"
    )
    return writer.node("Where", [upper, writer.node("Neg", [middle]), middle], "quantile")


def _centre(writer: GraphWriter, share: str) -> str:
    offset = writer.node("Sub", [share, writer.constant(np.full((1, 1), 0.5), "half")], "offset")
    square = writer.node("Mul", [offset, offset], "square")
    bend = writer.node("Mul", [square, _matrix_quotient(writer, square, CENTRE_NUMERATOR, CENTRE_DENOMINATOR)], "bend")
    bent = writer.node("Add", [offset, writer.node("Mul", [offset, bend])], "bent")
    return writer.node("Mul", [bent, writer.constant(np.full((1, 1), ROOT_OF_TAU), "root")], "centre")


def _tail(writer: GraphWriter, share: str) -> str:
    """Write the distance of the lower tail's quantile from the median."""
    logarithm = writer.node("Mul", [writer.node("Log", [share]), writer.constant(np.full((1, 1), -2.0), "minus_two")])
    far = writer.node("Sqrt", [logarithm], "far")
    first = writer.node("Sub", [far, writer.node("Div", [writer.node("Log", [far]), far])], "first")
    inverse = writer.node("Div", [writer.constant(np.ones((1, 1)), "one"), far], "inverse")
    second = writer.node(
        "Mul", [inverse, _matrix_quotient(writer, inverse, TAIL_NUMERATOR, TAIL_DENOMINATOR)], "second"
    )
    return writer.node("Sub", [first, second], "tail")


def _matrix_quotient(
    writer: GraphWriter, value: str, numerator: tuple[float, ...], denominator: tuple[float, ...]
) -> str:
    """Write the quotient of two polynomials: first all powers, then one product with all coefficients."""
    degree = max(len(numerator), len(denominator)) - 1
    coefficients = np.zeros((degree + 1, 2))
    for column, polynomial in enumerate((numerator, denominator)):
        coefficients[degree + 1 - len(polynomial) :, column] = polynomial
    axis = writer.constant(np.array([2], dtype=np.int64), "axis")
    expanded = writer.node("Unsqueeze", [value, axis])
    powers = writer.node("Pow", [expanded, writer.constant(np.arange(degree, -1.0, -1.0), "powers")])
    polynomials = writer.node("MatMul", [powers, writer.constant(coefficients, "coefficients")], "polynomials")
    parts = writer.nodes("Split", [polynomials], 2, axis=2, num_outputs=2)
    return writer.node("Squeeze", [writer.node("Div", parts), axis], "quotient")
