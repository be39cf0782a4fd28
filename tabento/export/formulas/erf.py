"""The error function in double, as SciPy computes it; ONNX Runtime has it only in float32.

S. L. Moshier's Cephes library (Methods and Programs for Mathematical Functions, 1989), ``erf`` and ``erfc``: quotients of
polynomials, one up to 1, and one times exp(-x²) from 1 to 8. Above 8 the nearest double is 1.
"""

from __future__ import annotations

import numpy as np

from tabento.export.graph.writer import GraphWriter

SEAM = 1.0
"""The largest magnitude for which the near quotient is used."""
FAR = 8.0
"""From this magnitude on the function is ±1 to the last bit of a double."""
NEAR_NUMERATOR = (
    9.60497373987051638749e0,
    9.00260197203842689217e1,
    2.23200534594684319226e3,
    7.00332514112805075473e3,
    5.55923013010394962768e4,
)
NEAR_DENOMINATOR = (
    1.0,
    3.35617141647503099647e1,
    5.21357949780152679795e2,
    4.59432382970980127987e3,
    2.26290000613890934246e4,
    4.92673942608635921086e4,
)
FAR_NUMERATOR = (
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
FAR_DENOMINATOR = (
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


def write_erf(writer: GraphWriter, value: str) -> str:
    """Write the error function of a value with two axes or more; NaN stays NaN."""
    size = writer.node("Abs", [value], "size")
    limit = writer.constant(np.array(FAR), "far")
    capped = writer.node("Min", [size, limit], "capped")
    square = writer.node("Mul", [capped, capped], "square")
    central = writer.node("Mul", [value, _horner_quotient(writer, square, NEAR_NUMERATOR, NEAR_DENOMINATOR)], "near")
    tail = writer.node(
        "Mul",
        [
            writer.node("Exp", [writer.node("Neg", [square])]),
            _horner_quotient(writer, capped, FAR_NUMERATOR, FAR_DENOMINATOR),
        ],
    )
    rest = writer.node("Sub", [writer.constant(np.ones((1, 1)), "one"), tail], "rest")
    far = writer.node("Mul", [writer.node("Sign", [value]), rest], "signed")
    is_near = writer.node("LessOrEqual", [size, writer.constant(np.full((1, 1), SEAM), "seam")], "is_near")
    return writer.node("Where", [is_near, central, far], "erf")


def _horner_quotient(
    writer: GraphWriter, value: str, numerator: tuple[float, ...], denominator: tuple[float, ...]
) -> str:
    """Write the quotient of two polynomials, each by Horner's rule, highest power first."""
    return writer.node(
        "Div", [_polynomial(writer, value, numerator), _polynomial(writer, value, denominator)], "quotient"
    )


def _polynomial(writer: GraphWriter, value: str, coefficients: tuple[float, ...]) -> str:
    total = writer.constant(np.full((1, 1), coefficients[0]), "coefficient")
    for coefficient in coefficients[1:]:
        term = writer.node("Mul", [value, total], "term")
        total = writer.node("Add", [term, writer.constant(np.full((1, 1), coefficient), "coefficient")], "polynomial")
    return total
