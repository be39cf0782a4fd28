"""Gaussian processes: a kernel between rows and training rows times weights.

Regression answers the mean of the posterior. Classification answers the side of 0 on which the latent function lies, and
the probability of it by Laplace's approximation (Rasmussen, Williams: Gaussian Processes for Machine Learning, 2006,
algorithm 3.2), whose integral scikit-learn takes from five error functions.

Weights of a smooth kernel are large and cancel, so distances are summed up from differences here, as scipy does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process._gpc import COEFS, LAMBDAS
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Exponentiation,
    ExpSineSquared,
    Matern,
    Product,
    RationalQuadratic,
    Sum,
    WhiteKernel,
)

from training.export.distances import column_sums, square
from training.export.dummies import repeated
from training.export.erf import write_erf
from training.export.linear import doubles, require_present
from training.export.links import above, both_classes, highest, product, row_sum, shares
from training.export.multiclass import one_against_one
from training.export.pen import Pen
from training.export.registry import adds_up, classifier, regressor
from training.export.sums import GROWTH_MAX
from training.export.values import Columns, Scores

Value = str | float
"""A kernel's values, shape (N, S), or one number for all of them."""

adds_up(GaussianProcessRegressor)
adds_up(GaussianProcessClassifier, labels=True)


@regressor(GaussianProcessRegressor)
def gaussian_process(pen: Pen, model: GaussianProcessRegressor, columns: Columns) -> str:
    """Σ weight · kernel(training row, x), taken back from the scale on which it was learned."""
    require_present(pen, model, columns)
    points = doubles(pen, model.X_train_)
    weights = doubles(pen, model.alpha_).reshape(len(points), -1)
    kernel = _kernel(pen, model.kernel_, columns.name, points)
    growth = float(np.abs(weights).sum()) * float(np.max(model.kernel_.diag(points), initial=0.0))
    if growth > GROWTH_MAX * max(float(np.abs(model.y_train_).max(initial=0.0)), 1.0):
        raise pen.refusal(
            "its training rows are so near to each other that weights of more than 1e10 cancel, and no digit is left",
            "a larger `alpha`, such as 1e-3",
        )
    if isinstance(kernel, float):
        raw = repeated(pen, columns, kernel * weights.sum(axis=0))
    else:
        raw = product(pen, kernel, weights)
    return _add(pen, _times(pen, raw, np.atleast_2d(model._y_train_std)), np.atleast_2d(model._y_train_mean))


@classifier(GaussianProcessClassifier)
def gaussian_process_classifier(pen: Pen, model: GaussianProcessClassifier, columns: Columns) -> Scores:
    """One latent function for two classes; more classes against the rest each, or in pairs, which have no probabilities."""
    require_present(pen, model, columns)
    count = len(model.classes_)
    if count == 2:
        latent, chance = _laplace(pen, model.base_estimator_, columns)
        return Scores(above(pen, latent), both_classes(pen, chance))
    answers = [_laplace(pen, member, columns) for member in model.base_estimator_.estimators_]
    chances = pen.side_by_side([chance for _, chance in answers])
    if model.multi_class == "one_vs_one":
        lost = pen.side_by_side([above(pen, latent) for latent, _ in answers])
        return Scores(highest(pen, one_against_one(pen, lost, chances, count)))
    if model.multi_class != "one_vs_rest":
        raise pen.refusal(f"nothing is known about multi_class={model.multi_class!r}", "multi_class='one_vs_rest'")
    return Scores(highest(pen, chances), shares(pen, chances, count, otherwise="zero"))


def _laplace(pen: Pen, model: Any, columns: Columns) -> tuple[str, str]:
    """Return the mean of the latent function and the probability of the second class, each of shape (N, 1)."""
    points = doubles(pen, model.X_train_)
    kernel = _kernel(pen, model.kernel_, columns.name, points)
    diagonal = _diagonal(pen, model.kernel_, columns.name)
    if isinstance(kernel, float):
        raise pen.refusal("its kernel is the same for all rows", "RBF or Matern in the kernel")
    latent = product(pen, kernel, (doubles(pen, model.y_train_) - doubles(pen, model.pi_))[:, np.newaxis])
    weights = np.linalg.solve(doubles(pen, model.L_), np.diag(doubles(pen, model.W_sr_)))
    known = product(pen, kernel, np.array(weights.T, dtype=np.float64))
    start = _number(pen, diagonal) if isinstance(diagonal, float) else diagonal
    variance = pen.node("Sub", [start, row_sum(pen, pen.node("Mul", [known, known]))], "variance")
    return latent, _integral(pen, latent, variance)


def _integral(pen: Pen, latent: str, variance: str) -> str:
    """Return the mean of the logistic function over a normal distribution, by scikit-learn's sum, shape (N, 1)."""
    lambdas, coefficients = (np.asarray(table, dtype=np.float64).reshape(1, -1) for table in (LAMBDAS, COEFS))
    steps = pen.constant(lambdas.copy(), "lambdas")
    double = pen.node("Mul", [variance, _number(pen, 2.0)], "double")
    alpha = pen.node("Div", [_number(pen, 1.0), double], "alpha")
    shifted = pen.node("Add", [alpha, pen.constant(lambdas**2, "squares")], "shifted")
    root = pen.node("Sqrt", [pen.node("Div", [alpha, shifted])], "root")
    size = pen.node("Mul", [pen.node("Mul", [steps, latent], "gamma"), root], "size")
    front = pen.node("Sqrt", [pen.node("Div", [_number(pen, math.pi), alpha])], "front")
    below = pen.node("Sqrt", [pen.node("Mul", [double, _number(pen, math.pi)])], "below")
    below = pen.node("Mul", [below, _number(pen, 2.0)], "below")
    integrals = pen.node("Div", [pen.node("Mul", [front, write_erf(pen, size)], "above"), below], "integrals")
    weighed = pen.node("Mul", [integrals, pen.constant(coefficients.copy(), "weights")], "weighed")
    return pen.node("Add", [row_sum(pen, weighed), _number(pen, 0.5 * float(np.sum(COEFS)))], "chance")


def _diagonal(pen: Pen, kernel: Any, value: str) -> Value:
    """Return a kernel's value between each row and itself, shape (N, 1), or one number for all rows."""
    if isinstance(kernel, (Sum, Product)):
        operator = "Add" if isinstance(kernel, Sum) else "Mul"
        first, second = (_diagonal(pen, part, value) for part in (kernel.k1, kernel.k2))
        if isinstance(first, float) and isinstance(second, float):
            return first + second if operator == "Add" else first * second
        parts = [_number(pen, part) if isinstance(part, float) else part for part in (first, second)]
        return pen.node(operator, parts, "diagonal")
    if isinstance(kernel, Exponentiation):
        base = _diagonal(pen, kernel.kernel, value)
        if isinstance(base, float):
            return float(base**kernel.exponent)
        return pen.node("Pow", [base, _number(pen, float(kernel.exponent))], "diagonal")
    if isinstance(kernel, DotProduct):
        square = row_sum(pen, pen.node("Mul", [value, value], "square"))
        return pen.node("Add", [square, _number(pen, float(kernel.sigma_0) ** 2)], "diagonal")
    if isinstance(kernel, ConstantKernel):
        return float(kernel.constant_value)
    return float(kernel.noise_level) if isinstance(kernel, WhiteKernel) else 1.0


def _kernel(pen: Pen, kernel: Any, value: str, points: NDArray[np.float64]) -> Value:
    """Return a kernel's values between rows and points.

    Raises:
        ExportError: nothing is known about the kernel.
    """
    write: Callable[[Pen, Any, str, NDArray[np.float64]], Value] | None = _KERNELS.get(type(kernel))
    if write is None:
        raise pen.refusal(f"nothing is known about the kernel {type(kernel).__name__}", "the kernel RBF or Matern")
    return write(pen, kernel, value, points)


def _number(pen: Pen, number: float) -> str:
    return pen.constant(np.full((1, 1), number), "number")


def _times(pen: Pen, value: str, factor: NDArray[np.float64]) -> str:
    return value if (factor == 1.0).all() else pen.node("Mul", [value, pen.constant(factor, "factor")], "scaled")


def _add(pen: Pen, value: str, offset: NDArray[np.float64]) -> str:
    return value if (offset == 0.0).all() else pen.node("Add", [value, pen.constant(offset, "offset")], "moved")


def _falling(pen: Pen, value: str, factor: float) -> str:
    """exp(-factor · value)."""
    return pen.node("Exp", [pen.node("Mul", [value, _number(pen, -factor)], "exponent")], "kernel")


def _squared(pen: Pen, scale: Any, value: str, points: NDArray[np.float64]) -> str:
    """Return squared distances on the scale of a kernel, one length for all columns or one for each."""
    lengths = np.broadcast_to(np.atleast_1d(np.asarray(scale, dtype=np.float64)), points.shape[1:])
    scaled = pen.node("Div", [value, pen.constant(lengths[np.newaxis].copy(), "lengths")], "scaled")
    return column_sums(pen, scaled, points / lengths, square)


def _radial(pen: Pen, kernel: RBF, value: str, points: NDArray[np.float64]) -> Value:
    return _falling(pen, _squared(pen, kernel.length_scale, value, points), 0.5)


def _matern(pen: Pen, kernel: Matern, value: str, points: NDArray[np.float64]) -> Value:
    """Return the kernel for the four smoothnesses that have a closed form."""
    if kernel.nu not in (0.5, 1.5, 2.5, np.inf):
        raise pen.refusal(f"Matern with nu={kernel.nu} needs a Bessel function", "nu=0.5, 1.5, 2.5 or inf")
    squared = _squared(pen, kernel.length_scale, value, points)
    if kernel.nu == np.inf:
        return _falling(pen, squared, 0.5)
    distance = pen.node("Sqrt", [squared])
    if kernel.nu == 0.5:
        return _falling(pen, distance, 1.0)
    far = pen.node("Mul", [distance, _number(pen, math.sqrt(2.0 * kernel.nu))], "far")
    bracket = pen.node("Add", [far, _number(pen, 1.0)], "bracket")
    if kernel.nu == 2.5:
        third = pen.node("Div", [pen.node("Mul", [far, far], "square"), _number(pen, 3.0)], "third")
        bracket = pen.node("Add", [bracket, third], "bracket")
    return pen.node("Mul", [bracket, pen.node("Exp", [pen.node("Neg", [far])])], "kernel")


def _rational(pen: Pen, kernel: RationalQuadratic, value: str, points: NDArray[np.float64]) -> Value:
    scale = 2 * kernel.alpha * float(kernel.length_scale) ** 2
    share = pen.node("Div", [column_sums(pen, value, points, square), _number(pen, scale)], "share")
    return pen.node("Pow", [pen.node("Add", [share, _number(pen, 1.0)]), _number(pen, -kernel.alpha)], "kernel")


def _periodic(pen: Pen, kernel: ExpSineSquared, value: str, points: NDArray[np.float64]) -> Value:
    distance = pen.node("Sqrt", [column_sums(pen, value, points, square)])
    wave = pen.node("Sin", [pen.node("Mul", [distance, _number(pen, math.pi / kernel.periodicity)], "phase")])
    scaled = pen.node("Div", [wave, _number(pen, float(kernel.length_scale))], "scaled")
    return _falling(pen, pen.node("Mul", [scaled, scaled], "square"), 2.0)


def _dot(pen: Pen, kernel: DotProduct, value: str, points: NDArray[np.float64]) -> Value:
    offset = pen.constant(np.full((1, 1), float(kernel.sigma_0) ** 2), "offset")
    return pen.node("Gemm", [value, pen.constant(points.T.copy(), "points"), offset], "kernel")


def _power(pen: Pen, kernel: Exponentiation, value: str, points: NDArray[np.float64]) -> Value:
    base = _kernel(pen, kernel.kernel, value, points)
    if isinstance(base, float):
        return float(base**kernel.exponent)
    return pen.node("Pow", [base, _number(pen, float(kernel.exponent))], "kernel")


def _pair(operator: str, combine: Callable[[float, float], float]) -> Callable[..., Value]:
    """Return what writes a sum or a product of two kernels."""

    def write(pen: Pen, kernel: Sum | Product, value: str, points: NDArray[np.float64]) -> Value:
        first, second = (_kernel(pen, part, value, points) for part in (kernel.k1, kernel.k2))
        if isinstance(first, float) and isinstance(second, float):
            return combine(first, second)
        if isinstance(first, float):
            first, second = second, first
        if isinstance(second, float):
            neutral = second == (0.0 if operator == "Add" else 1.0)
            return first if neutral else pen.node(operator, [str(first), _number(pen, second)], "kernel")
        return pen.node(operator, [str(first), second], "kernel")

    return write


def _constant(_: Pen, kernel: ConstantKernel, *__: Any) -> Value:
    return float(kernel.constant_value)


def _noise(*_: Any) -> Value:
    """Return nothing: noise belongs to a training row itself, and a row that is asked about is never one."""
    return 0.0


_KERNELS: dict[type, Callable[..., Value]] = {
    RBF: _radial,
    Matern: _matern,
    RationalQuadratic: _rational,
    ExpSineSquared: _periodic,
    DotProduct: _dot,
    Exponentiation: _power,
    Sum: _pair("Add", lambda first, second: first + second),
    Product: _pair("Mul", lambda first, second: first * second),
    ConstantKernel: _constant,
    WhiteKernel: _noise,
}
