"""Power transforms: Yeo-Johnson and Box-Cox, with one exponent per column.

I.-K. Yeo and R. A. Johnson, A new family of power transformations to improve normality or symmetry, Biometrika 87
(2000) 954-959; G. E. P. Box and D. R. Cox, An analysis of transformations, J. R. Statist. Soc. B 26 (1964) 211-252.
Both are written as SciPy computes them, by expm1 and log1p. In front of trees they are folded away, with SciPy's own
function as the judge; elsewhere the graph agrees with SciPy to some 1e-14.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import boxcox
from sklearn.preprocessing import PowerTransformer

from training.export.arrivals import arrival
from training.export.functions import INVERSES, write_expm1, write_log1p
from training.export.pen import Pen
from training.export.registry import transformer
from training.export.scaling import standard_scaler
from training.export.values import Columns, numbers

EPS = float(np.finfo(np.float64).eps)
"""SciPy takes an exponent closer than this to 0, or to 2, for the logarithm."""
TINY = float(np.finfo(np.float64).smallest_subnormal)


@transformer(PowerTransformer)
def power_transformer(pen: Pen, model: PowerTransformer, columns: Columns) -> Columns:
    """The power of each column, then standardized where that is asked."""
    pen.require_numbers(columns)
    exponents = np.asarray(model.lambdas_, dtype=np.float64)
    if model.method == "box-cox":
        _refuse_not_positive(pen, columns)
        value = _box_cox(pen, columns.name, exponents)
        functions = [partial(_box_cox_judge, float(exponent)) for exponent in exponents]
        domain = (TINY, np.inf)
    else:
        value = _yeo_johnson(pen, columns.name, exponents)
        functions = [partial(_yeo_johnson_judge, float(exponent)) for exponent in exponents]
        domain = (-np.inf, np.inf)
    pen.monotone(value, columns.name, functions, domain=domain)
    powers = numbers(value, columns.width)
    pen.graph.widths[value] = columns.width
    return standard_scaler(pen, model._scaler, powers) if model.standardize else powers


def _yeo_johnson_judge(exponent: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(stats.yeojohnson(values, exponent), dtype=np.float64)


def _box_cox_judge(exponent: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(boxcox(values, exponent), dtype=np.float64)


def _refuse_not_positive(pen: Pen, columns: Columns) -> None:
    """Refuse where a number reaches Box-Cox on which scikit-learn raises.

    Raises:
        ExportError: the contract lets a column be 0 or less.
    """
    for at in range(columns.width):
        origin = arrival(pen.graph, columns.name, at)
        if origin is not None and pen.contract.features[origin.column].lower <= 0:
            raise pen.refusal(
                f"box-cox raises on 0 and below, and the contract lets {pen.contract.features[origin.column].name!r}"
                " be there",
                "a `minimum` above 0, or method='yeo-johnson'",
            )


def _yeo_johnson(pen: Pen, value: str, exponents: NDArray[np.float64]) -> str:
    """±expm1(e · log1p(|x|)) / e with e the exponent for x ≥ 0 and 2 less it below; log1p alone where e is 0."""
    positive = pen.node("GreaterOrEqual", [value, pen.constant(np.zeros((1, 1)), "zero")], "positive")
    above, under = _logarithmic_as_zero(exponents), _logarithmic_as_zero(2.0 - exponents)
    logarithm = write_log1p(pen, pen.node("Abs", [value]))
    powers = _by_sign(pen, positive, above, under)
    grown = write_expm1(pen, pen.node("Mul", [powers, logarithm]))
    if (above == 0).any() or (under == 0).any():
        flat = pen.node("Equal", [powers, pen.constant(np.zeros((1, 1)), "zero")], "flat")
        grown = pen.node("Where", [flat, logarithm, grown], "grown")
    # The divisor carries the sign as well, and is 1 where the power is a logarithm.
    above, under = (np.where(side == 0, 1.0, side) for side in (above, under))
    return pen.node("Div", [grown, _by_sign(pen, positive, above, -under)], "yeo_johnson")


def _logarithmic_as_zero(exponents: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(exponents) <= EPS, 0.0, exponents)


def _by_sign(pen: Pen, positive: str, above: NDArray[np.float64], under: NDArray[np.float64]) -> str:
    """Choose constants, one per column, by the sign of a value."""
    chosen = [pen.constant(constants[np.newaxis], "by_sign") for constants in (above, under)]
    return pen.node("Where", [positive, *chosen], "by_sign")


def _box_cox(pen: Pen, value: str, exponents: NDArray[np.float64]) -> str:
    """expm1(e · log(x)) / e, or log(x) where the exponent e is 0."""
    logarithm = pen.node("Log", [value])
    flat = exponents == 0.0
    safe = pen.constant(np.where(flat, 1.0, exponents)[np.newaxis], "exponents")
    bent = pen.node("Div", [write_expm1(pen, pen.node("Mul", [logarithm, safe])), safe], "power")
    return pen.node("Where", [pen.constant(flat[np.newaxis], "flat"), logarithm, bent]) if flat.any() else bent


def _back(pen: Pen, scale: PowerTransformer, raw: str) -> str:
    """Take a target back from its power, as scikit-learn writes the inverse."""
    if scale.standardize:
        raw = INVERSES[type(scale._scaler)](pen, scale._scaler, raw)
    exponents = np.asarray(scale.lambdas_, dtype=np.float64)
    if scale.method == "box-cox":
        flat = exponents == 0.0
        safe = pen.constant(np.where(flat, 1.0, exponents)[np.newaxis], "exponents")
        powers = pen.node("Div", [write_log1p(pen, pen.node("Mul", [raw, safe])), safe], "logarithm")
        if flat.any():
            powers = pen.node("Where", [pen.constant(flat[np.newaxis], "flat"), raw, powers], "logarithm")
        return pen.node("Exp", [powers], "unscaled")
    zero, one = pen.constant(np.zeros((1, 1)), "zero"), pen.constant(np.ones((1, 1)), "one")
    positive = pen.node("GreaterOrEqual", [raw, zero], "positive")
    sign = _by_sign(pen, positive, np.ones(1), -np.ones(1))
    above, under = _logarithmic_as_zero(exponents), _logarithmic_as_zero(2.0 - exponents)
    safe_above, safe_under = (np.where(side == 0, 1.0, side) for side in (above, under))
    powers = _by_sign(pen, positive, safe_above, safe_under)
    roots = _by_sign(pen, positive, 1.0 / safe_above, 1.0 / safe_under)
    magnitude = pen.node("Mul", [sign, raw], "magnitude")
    base = pen.node("Add", [pen.node("Mul", [magnitude, powers]), one], "base")
    grown = pen.node("Pow", [base, roots], "grown")
    if (above == 0).any() or (under == 0).any():
        flat_here = pen.node("Equal", [_by_sign(pen, positive, above, under), zero], "flat")
        grown = pen.node("Where", [flat_here, pen.node("Exp", [magnitude]), grown], "grown")
    return pen.node("Mul", [sign, pen.node("Sub", [grown, one])], "unscaled")


INVERSES[PowerTransformer] = _back
