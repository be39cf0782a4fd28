"""Writes PowerTransformer of sklearn.preprocessing: Yeo-Johnson and Box-Cox, with one exponent for each column.

I.-K. Yeo and R. A. Johnson, A new family of power transformations to improve normality or symmetry, Biometrika 87
(2000) 954-959; G. E. P. Box and D. R. Cox, An analysis of transformations, J. R. Statist. Soc. B 26 (1964) 211-252.

Digits: both are written as SciPy computes them, by expm1 and log1p, and agree with SciPy to about 1e-14. Before trees they
are folded away: SciPy's own function then gives the thresholds, which are exact.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import boxcox
from sklearn.preprocessing import PowerTransformer

from tabento.export.analysis.column_origin import column_origin
from tabento.export.converters.preprocessing.scalers import standard_scaler
from tabento.export.formulas.elementary_functions import write_expm1, write_log1p
from tabento.export.formulas.functions import INVERSES
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer

EPS = float(np.finfo(np.float64).eps)
"""SciPy uses the logarithm for an exponent closer than this to 0, or to 2."""
TINY = float(np.finfo(np.float64).smallest_subnormal)


@transformer(PowerTransformer)
def power_transformer(writer: GraphWriter, model: PowerTransformer, columns: Columns) -> Columns:
    """Write the power of each column, standardised if the model does so."""
    writer.require_numbers(columns)
    exponents = np.asarray(model.lambdas_, dtype=np.float64)
    if model.method == "box-cox":
        _refuse_not_positive(writer, columns)
        value = _box_cox(writer, columns.name, exponents)
        functions = [partial(_box_cox_judge, float(exponent)) for exponent in exponents]
        domain = (TINY, np.inf)
    else:
        value = _yeo_johnson(writer, columns.name, exponents)
        functions = [partial(_yeo_johnson_judge, float(exponent)) for exponent in exponents]
        domain = (-np.inf, np.inf)
    writer.monotone(value, columns.name, functions, domain=domain)
    powers = numbers(value, columns.width)
    writer.graph.widths[value] = columns.width
    return standard_scaler(writer, model._scaler, powers) if model.standardize else powers


def _yeo_johnson_judge(exponent: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(stats.yeojohnson(values, exponent), dtype=np.float64)


def _box_cox_judge(exponent: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(boxcox(values, exponent), dtype=np.float64)


def _refuse_not_positive(writer: GraphWriter, columns: Columns) -> None:
    """Refuse Box-Cox if a column can hold a number on which scikit-learn raises.

    Raises:
        ExportError: the contract lets a column be 0 or less.
    """
    for index in range(columns.width):
        origin = column_origin(writer.graph, columns.name, index)
        if origin is not None and writer.contract.features[origin.column].lower <= 0:
            raise writer.refusal(
                f"box-cox raises on 0 and below, and the contract lets {writer.contract.features[origin.column].name!r}"
                " be there",
                "a `minimum` above 0, or method='yeo-johnson'",
            )


def _yeo_johnson(writer: GraphWriter, value: str, exponents: NDArray[np.float64]) -> str:
    """Return ±expm1(e · log1p(|x|)) / e; e is the exponent for x ≥ 0, and 2 minus the exponent below 0; log1p alone for e = 0."""
    positive = writer.node("GreaterOrEqual", [value, writer.constant(np.zeros((1, 1)), "zero")], "positive")
    above, under = _logarithmic_as_zero(exponents), _logarithmic_as_zero(2.0 - exponents)
    logarithm = write_log1p(writer, writer.node("Abs", [value]))
    powers = _by_sign(writer, positive, above, under)
    transformed = write_expm1(writer, writer.node("Mul", [powers, logarithm]))
    if (above == 0).any() or (under == 0).any():
        flat = writer.node("Equal", [powers, writer.constant(np.zeros((1, 1)), "zero")], "flat")
        transformed = writer.node("Where", [flat, logarithm, transformed], "grown")
    # The divisor contains the sign, and is 1 if the power is a logarithm.
    above, under = (np.where(side == 0, 1.0, side) for side in (above, under))
    return writer.node("Div", [transformed, _by_sign(writer, positive, above, -under)], "yeo_johnson")


def _logarithmic_as_zero(exponents: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(exponents) <= EPS, 0.0, exponents)


def _by_sign(writer: GraphWriter, positive: str, above: NDArray[np.float64], under: NDArray[np.float64]) -> str:
    """Return constants, one for each column, selected by the sign of a value."""
    by_sign = [writer.constant(constants[np.newaxis], "by_sign") for constants in (above, under)]
    return writer.node("Where", [positive, *by_sign], "by_sign")


def _box_cox(writer: GraphWriter, value: str, exponents: NDArray[np.float64]) -> str:
    """Return expm1(e · log(x)) / e, or log(x) for an exponent e of 0."""
    logarithm = writer.node("Log", [value])
    flat = exponents == 0.0
    safe = writer.constant(np.where(flat, 1.0, exponents)[np.newaxis], "exponents")
    bent = writer.node("Div", [write_expm1(writer, writer.node("Mul", [logarithm, safe])), safe], "power")
    return writer.node("Where", [writer.constant(flat[np.newaxis], "flat"), logarithm, bent]) if flat.any() else bent


def _back(writer: GraphWriter, scale: PowerTransformer, raw: str) -> str:
    """Return a target converted back from its power, as scikit-learn's inverse computes it."""
    if scale.standardize:
        raw = INVERSES[type(scale._scaler)](writer, scale._scaler, raw)
    exponents = np.asarray(scale.lambdas_, dtype=np.float64)
    if scale.method == "box-cox":
        flat = exponents == 0.0
        safe = writer.constant(np.where(flat, 1.0, exponents)[np.newaxis], "exponents")
        powers = writer.node("Div", [write_log1p(writer, writer.node("Mul", [raw, safe])), safe], "logarithm")
        if flat.any():
            powers = writer.node("Where", [writer.constant(flat[np.newaxis], "flat"), raw, powers], "logarithm")
        return writer.node("Exp", [powers], "unscaled")
    zero, ones = writer.constant(np.zeros((1, 1)), "zero"), writer.constant(np.ones((1, 1)), "one")
    positive = writer.node("GreaterOrEqual", [raw, zero], "positive")
    sign = _by_sign(writer, positive, np.ones(1), -np.ones(1))
    above, under = _logarithmic_as_zero(exponents), _logarithmic_as_zero(2.0 - exponents)
    safe_above, safe_under = (np.where(side == 0, 1.0, side) for side in (above, under))
    powers = _by_sign(writer, positive, safe_above, safe_under)
    roots = _by_sign(writer, positive, 1.0 / safe_above, 1.0 / safe_under)
    magnitude = writer.node("Mul", [sign, raw], "magnitude")
    base = writer.node("Add", [writer.node("Mul", [magnitude, powers]), ones], "base")
    transformed = writer.node("Pow", [base, roots], "grown")
    if (above == 0).any() or (under == 0).any():
        flat_here = writer.node("Equal", [_by_sign(writer, positive, above, under), zero], "flat")
        transformed = writer.node("Where", [flat_here, writer.node("Exp", [magnitude]), transformed], "grown")
    return writer.node("Mul", [sign, writer.node("Sub", [transformed, ones])], "unscaled")


INVERSES[PowerTransformer] = _back
