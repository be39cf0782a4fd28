"""The error function, which ONNX Runtime knows in float32 only, as SciPy computes it in double.

S. L. Moshier's Cephes library (Methods and Programs for Mathematical Functions, 1989), ``erf`` and ``erfc``: quotients of
polynomials, one up to 1, and one times exp(-x²) from there to 8. Beyond it 1 is the nearest double.
"""

from __future__ import annotations

import numpy as np

from training.export.pen import Pen

SEAM = 1.0
"""Up to this size the near quotient is taken."""
FAR = 8.0
"""From this size on the function is ±1 to the last bit of a double."""
NEAR_ABOVE = (
    9.60497373987051638749e0,
    9.00260197203842689217e1,
    2.23200534594684319226e3,
    7.00332514112805075473e3,
    5.55923013010394962768e4,
)
NEAR_BELOW = (
    1.0,
    3.35617141647503099647e1,
    5.21357949780152679795e2,
    4.59432382970980127987e3,
    2.26290000613890934246e4,
    4.92673942608635921086e4,
)
FAR_ABOVE = (
    2.46196981473530512524e-10,
    5.64189564831068821977e-1,
    7.46321056442269912687e0,
    4.86371970985681366614e1,
    1.96520832956077098242e2,
    5.26445194995477358631e2,
    9.34528527171957607540e2,
    1.02755188689515710272e3,
    5.57535335369399327526e2,
)
FAR_BELOW = (
    1.0,
    1.32281951154744992508e1,
    8.67072140885989742329e1,
    3.54937778887819891062e2,
    9.75708501743205489753e2,
    1.82390916687909736289e3,
    2.24633760818710981792e3,
    1.65666309194161350182e3,
    5.57535340817727675546e2,
)


def write_erf(pen: Pen, value: str) -> str:
    """Return the error function of a value of any shape with two axes or more; NaN stays NaN."""
    size = pen.node("Abs", [value], "size")
    limit = pen.constant(np.array(FAR), "far")
    capped = pen.node("Min", [size, limit], "capped")
    square = pen.node("Mul", [capped, capped], "square")
    near = pen.node("Mul", [value, _quotient(pen, square, NEAR_ABOVE, NEAR_BELOW)], "near")
    tail = pen.node("Mul", [pen.node("Exp", [pen.node("Neg", [square])]), _quotient(pen, capped, FAR_ABOVE, FAR_BELOW)])
    rest = pen.node("Sub", [pen.constant(np.ones((1, 1)), "one"), tail], "rest")
    far = pen.node("Mul", [pen.node("Sign", [value]), rest], "signed")
    is_near = pen.node("LessOrEqual", [size, pen.constant(np.full((1, 1), SEAM), "seam")], "is_near")
    return pen.node("Where", [is_near, near, far], "erf")


def _quotient(pen: Pen, value: str, above: tuple[float, ...], below: tuple[float, ...]) -> str:
    """Return the quotient of two polynomials by Horner's rule, highest power first."""
    return pen.node("Div", [_polynomial(pen, value, above), _polynomial(pen, value, below)], "quotient")


def _polynomial(pen: Pen, value: str, coefficients: tuple[float, ...]) -> str:
    total = pen.constant(np.full((1, 1), coefficients[0]), "coefficient")
    for coefficient in coefficients[1:]:
        term = pen.node("Mul", [value, total], "term")
        total = pen.node("Add", [term, pen.constant(np.full((1, 1), coefficient), "coefficient")], "polynomial")
    return total
