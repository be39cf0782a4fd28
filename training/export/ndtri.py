"""The inverse of the normal distribution, which ONNX lacks, as SciPy computes it.

S. L. Moshier's Cephes library (Methods and Programs for Mathematical Functions, 1989), ``ndtri``: one quotient of
polynomials around the median, another one in the tails. SciPy's has a third for shares below exp(-32), which no caller
of this package has.
"""

from __future__ import annotations

import numpy as np

from training.export.pen import Pen

TAIL = 0.13533528323661269189
"""exp(-2): up to this share from either end the tail's quotient is taken."""
ROOT_OF_TAU = 2.50662827463100050242
"""√(2π)."""
CENTRE_ABOVE = (
    -59.9633501014107895267,
    98.0010754185999661536,
    -56.6762857469070293439,
    13.9312609387279679503,
    -1.23916583867381258016,
)
CENTRE_BELOW = (
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
TAIL_ABOVE = (
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
TAIL_BELOW = (
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


def write_ndtri(pen: Pen, share: str) -> str:
    """Return x such that a standard normal variable is below x with the given probability.

    Args:
        pen: where it is written.
        share: float64 of shape (N, any), between exp(-32) and 1 - exp(-32) or NaN.
    """
    one = pen.constant(np.ones((1, 1)), "one")
    rest = pen.node("Sub", [one, share], "rest")
    upper = pen.node("Greater", [share, pen.constant(np.full((1, 1), 1.0 - TAIL), "upper_tail")], "upper")
    nearer = pen.node("Where", [upper, rest, share], "nearer")
    central = pen.node("Greater", [nearer, pen.constant(np.full((1, 1), TAIL), "tail")], "central")
    middle = pen.node("Where", [central, _centre(pen, nearer), pen.node("Neg", [_tail(pen, nearer)])], "quantile")
    return pen.node("Where", [upper, pen.node("Neg", [middle]), middle], "quantile")


def _centre(pen: Pen, share: str) -> str:
    offset = pen.node("Sub", [share, pen.constant(np.full((1, 1), 0.5), "half")], "offset")
    square = pen.node("Mul", [offset, offset], "square")
    bend = pen.node("Mul", [square, _quotient(pen, square, CENTRE_ABOVE, CENTRE_BELOW)], "bend")
    bent = pen.node("Add", [offset, pen.node("Mul", [offset, bend])], "bent")
    return pen.node("Mul", [bent, pen.constant(np.full((1, 1), ROOT_OF_TAU), "root")], "centre")


def _tail(pen: Pen, share: str) -> str:
    """Return the distance of the lower tail's quantile from the median."""
    logarithm = pen.node("Mul", [pen.node("Log", [share]), pen.constant(np.full((1, 1), -2.0), "minus_two")])
    far = pen.node("Sqrt", [logarithm], "far")
    first = pen.node("Sub", [far, pen.node("Div", [pen.node("Log", [far]), far])], "first")
    inverse = pen.node("Div", [pen.constant(np.ones((1, 1)), "one"), far], "inverse")
    second = pen.node("Mul", [inverse, _quotient(pen, inverse, TAIL_ABOVE, TAIL_BELOW)], "second")
    return pen.node("Sub", [first, second], "tail")


def _quotient(pen: Pen, value: str, above: tuple[float, ...], below: tuple[float, ...]) -> str:
    """Return the quotient of two polynomials: all powers at once, then one product with the coefficients."""
    degree = max(len(above), len(below)) - 1
    coefficients = np.zeros((degree + 1, 2))
    for at, some in enumerate((above, below)):
        coefficients[degree + 1 - len(some) :, at] = some
    axis = pen.constant(np.array([2], dtype=np.int64), "axis")
    apart = pen.node("Unsqueeze", [value, axis])
    powers = pen.node("Pow", [apart, pen.constant(np.arange(degree, -1.0, -1.0), "powers")])
    both = pen.node("MatMul", [powers, pen.constant(coefficients, "coefficients")], "polynomials")
    parts = pen.nodes("Split", [both], 2, axis=2, num_outputs=2)
    return pen.node("Squeeze", [pen.node("Div", parts), axis], "quotient")
