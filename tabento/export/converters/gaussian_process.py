"""Writes GaussianProcessRegressor and GaussianProcessClassifier of sklearn.gaussian_process.

Both are kernels between rows and training rows, times weights. Regression answers the mean of the posterior.
Classification answers the sign of the latent function, and its probability by Laplace's approximation (Rasmussen,
Williams: Gaussian Processes for Machine Learning, 2006, algorithm 3.2), whose integral scikit-learn computes from five
error functions.

Digits: the weights of a smooth kernel are large and cancel, so the graph adds distances from differences, as SciPy does.
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

from tabento.export.analysis.inexact_sums import GROWTH_MAX
from tabento.export.converters.dummy import repeat_row
from tabento.export.converters.multiclass import one_against_one
from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.distances import column_sums, square
from tabento.export.formulas.erf import write_erf
from tabento.export.formulas.links import (
    both_probabilities,
    divide_by_row_sum,
    label_above,
    label_of_largest,
    product,
    row_sum,
)
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, has_inexact_sums, regressor

Value = str | float
"""A kernel's values, shape (N, S), or one number for all of them."""

has_inexact_sums(GaussianProcessRegressor)
has_inexact_sums(GaussianProcessClassifier, labels=True)


@regressor(GaussianProcessRegressor)
def gaussian_process(writer: GraphWriter, model: GaussianProcessRegressor, columns: Columns) -> str:
    """Write Σ weight · kernel(training row, x), converted back from the scale of the target."""
    require_present(writer, model, columns)
    points = doubles(writer, model.X_train_)
    weights = doubles(writer, model.alpha_).reshape(len(points), -1)
    kernel = _kernel(writer, model.kernel_, columns.name, points)
    growth = float(np.abs(weights).sum()) * float(np.max(model.kernel_.diag(points), initial=0.0))
    if growth > GROWTH_MAX * max(float(np.abs(model.y_train_).max(initial=0.0)), 1.0):
        raise writer.refusal(
            "its training rows are so near to each other that weights of more than 1e10 cancel, and no digit is left",
            "a larger `alpha`, such as 1e-3",
        )
    if isinstance(kernel, float):
        raw = repeat_row(writer, columns, kernel * weights.sum(axis=0))
    else:
        raw = product(writer, kernel, weights)
    return _add(writer, _times(writer, raw, np.atleast_2d(model._y_train_std)), np.atleast_2d(model._y_train_mean))


@classifier(GaussianProcessClassifier)
def gaussian_process_classifier(writer: GraphWriter, model: GaussianProcessClassifier, columns: Columns) -> Scores:
    """Write one latent function for two classes; several classes each against the rest, or in pairs without probabilities."""
    require_present(writer, model, columns)
    count = len(model.classes_)
    if count == 2:
        latent, chance = _laplace(writer, model.base_estimator_, columns)
        return Scores(label_above(writer, latent), both_probabilities(writer, chance))
    answers = [_laplace(writer, member, columns) for member in model.base_estimator_.estimators_]
    chances = writer.concatenate([chance for _, chance in answers])
    if model.multi_class == "one_vs_one":
        lost = writer.concatenate([label_above(writer, latent) for latent, _ in answers])
        return Scores(label_of_largest(writer, one_against_one(writer, lost, chances, count)))
    if model.multi_class != "one_vs_rest":
        raise writer.refusal(f"nothing is known about multi_class={model.multi_class!r}", "multi_class='one_vs_rest'")
    return Scores(label_of_largest(writer, chances), divide_by_row_sum(writer, chances, count, otherwise="zero"))


def _laplace(writer: GraphWriter, model: Any, columns: Columns) -> tuple[str, str]:
    """Return the mean of the latent function and the probability of the second class, each of shape (N, 1)."""
    points = doubles(writer, model.X_train_)
    kernel = _kernel(writer, model.kernel_, columns.name, points)
    diagonal = _diagonal(writer, model.kernel_, columns.name)
    if isinstance(kernel, float):
        raise writer.refusal("its kernel is the same for all rows", "RBF or Matern in the kernel")
    latent = product(writer, kernel, (doubles(writer, model.y_train_) - doubles(writer, model.pi_))[:, np.newaxis])
    weights = np.linalg.solve(doubles(writer, model.L_), np.diag(doubles(writer, model.W_sr_)))
    explained = product(writer, kernel, np.array(weights.T, dtype=np.float64))
    start = _number(writer, diagonal) if isinstance(diagonal, float) else diagonal
    variance = writer.node("Sub", [start, row_sum(writer, writer.node("Mul", [explained, explained]))], "variance")
    return latent, _integral(writer, latent, variance)


def _integral(writer: GraphWriter, latent: str, variance: str) -> str:
    """Return the mean of the logistic function over a normal distribution, by scikit-learn's sum, shape (N, 1)."""
    lambdas, coefficients = (np.asarray(table, dtype=np.float64).reshape(1, -1) for table in (LAMBDAS, COEFS))
    steps = writer.constant(lambdas.copy(), "lambdas")
    double = writer.node("Mul", [variance, _number(writer, 2.0)], "double")
    alpha = writer.node("Div", [_number(writer, 1.0), double], "alpha")
    shifted = writer.node("Add", [alpha, writer.constant(lambdas**2, "squares")], "shifted")
    root = writer.node("Sqrt", [writer.node("Div", [alpha, shifted])], "root")
    size = writer.node("Mul", [writer.node("Mul", [steps, latent], "gamma"), root], "size")
    front = writer.node("Sqrt", [writer.node("Div", [_number(writer, math.pi), alpha])], "front")
    below = writer.node("Sqrt", [writer.node("Mul", [double, _number(writer, math.pi)])], "below")
    below = writer.node("Mul", [below, _number(writer, 2.0)], "below")
    integrals = writer.node("Div", [writer.node("Mul", [front, write_erf(writer, size)], "above"), below], "integrals")
    weighed = writer.node("Mul", [integrals, writer.constant(coefficients.copy(), "weights")], "weighed")
    return writer.node("Add", [row_sum(writer, weighed), _number(writer, 0.5 * float(np.sum(COEFS)))], "chance")


def _diagonal(writer: GraphWriter, kernel: Any, value: str) -> Value:
    """Return a kernel's value between each row and itself, shape (N, 1), or one number for all rows."""
    if isinstance(kernel, (Sum, Product)):
        operator = "Add" if isinstance(kernel, Sum) else "Mul"
        first, second = (_diagonal(writer, part, value) for part in (kernel.k1, kernel.k2))
        if isinstance(first, float) and isinstance(second, float):
            return first + second if operator == "Add" else first * second
        parts = [_number(writer, part) if isinstance(part, float) else part for part in (first, second)]
        return writer.node(operator, parts, "diagonal")
    if isinstance(kernel, Exponentiation):
        base = _diagonal(writer, kernel.kernel, value)
        if isinstance(base, float):
            return float(base**kernel.exponent)
        return writer.node("Pow", [base, _number(writer, float(kernel.exponent))], "diagonal")
    if isinstance(kernel, DotProduct):
        square = row_sum(writer, writer.node("Mul", [value, value], "square"))
        return writer.node("Add", [square, _number(writer, float(kernel.sigma_0) ** 2)], "diagonal")
    if isinstance(kernel, ConstantKernel):
        return float(kernel.constant_value)
    return float(kernel.noise_level) if isinstance(kernel, WhiteKernel) else 1.0


def _kernel(writer: GraphWriter, kernel: Any, value: str, points: NDArray[np.float64]) -> Value:
    """Return a kernel's values between rows and points.

    Raises:
        ExportError: the kernel has no conversion.
    """
    write: Callable[[GraphWriter, Any, str, NDArray[np.float64]], Value] | None = _KERNELS.get(type(kernel))
    if write is None:
        raise writer.refusal(f"nothing is known about the kernel {type(kernel).__name__}", "the kernel RBF or Matern")
    return write(writer, kernel, value, points)


def _number(writer: GraphWriter, number: float) -> str:
    return writer.constant(np.full((1, 1), number), "number")


def _times(writer: GraphWriter, value: str, factor: NDArray[np.float64]) -> str:
    return value if (factor == 1.0).all() else writer.node("Mul", [value, writer.constant(factor, "factor")], "scaled")


def _add(writer: GraphWriter, value: str, offset: NDArray[np.float64]) -> str:
    return value if (offset == 0.0).all() else writer.node("Add", [value, writer.constant(offset, "offset")], "moved")


def _falling(writer: GraphWriter, value: str, factor: float) -> str:
    """Return exp(-factor · value)."""
    return writer.node("Exp", [writer.node("Mul", [value, _number(writer, -factor)], "exponent")], "kernel")


def _squared_distances(writer: GraphWriter, scale: Any, value: str, points: NDArray[np.float64]) -> str:
    """Return squared distances on the scale of a kernel, which has one length for all columns or one for each."""
    lengths = np.broadcast_to(np.atleast_1d(np.asarray(scale, dtype=np.float64)), points.shape[1:])
    scaled = writer.node("Div", [value, writer.constant(lengths[np.newaxis].copy(), "lengths")], "scaled")
    return column_sums(writer, scaled, points / lengths, square)


def _radial(writer: GraphWriter, kernel: RBF, value: str, points: NDArray[np.float64]) -> Value:
    return _falling(writer, _squared_distances(writer, kernel.length_scale, value, points), 0.5)


def _matern(writer: GraphWriter, kernel: Matern, value: str, points: NDArray[np.float64]) -> Value:
    """Return the kernel for the four smoothnesses that have a closed form."""
    if kernel.nu not in (0.5, 1.5, 2.5, np.inf):
        raise writer.refusal(f"Matern with nu={kernel.nu} needs a Bessel function", "nu=0.5, 1.5, 2.5 or inf")
    squared = _squared_distances(writer, kernel.length_scale, value, points)
    if kernel.nu == np.inf:
        return _falling(writer, squared, 0.5)
    distance = writer.node("Sqrt", [squared])
    if kernel.nu == 0.5:
        return _falling(writer, distance, 1.0)
    far = writer.node("Mul", [distance, _number(writer, math.sqrt(2.0 * kernel.nu))], "far")
    bracket = writer.node("Add", [far, _number(writer, 1.0)], "bracket")
    if kernel.nu == 2.5:
        third = writer.node("Div", [writer.node("Mul", [far, far], "square"), _number(writer, 3.0)], "third")
        bracket = writer.node("Add", [bracket, third], "bracket")
    return writer.node("Mul", [bracket, writer.node("Exp", [writer.node("Neg", [far])])], "kernel")


def _rational(writer: GraphWriter, kernel: RationalQuadratic, value: str, points: NDArray[np.float64]) -> Value:
    scale = 2 * kernel.alpha * float(kernel.length_scale) ** 2
    share = writer.node("Div", [column_sums(writer, value, points, square), _number(writer, scale)], "share")
    return writer.node(
        "Pow", [writer.node("Add", [share, _number(writer, 1.0)]), _number(writer, -kernel.alpha)], "kernel"
    )


def _periodic(writer: GraphWriter, kernel: ExpSineSquared, value: str, points: NDArray[np.float64]) -> Value:
    distance = writer.node("Sqrt", [column_sums(writer, value, points, square)])
    wave = writer.node("Sin", [writer.node("Mul", [distance, _number(writer, math.pi / kernel.periodicity)], "phase")])
    scaled = writer.node("Div", [wave, _number(writer, float(kernel.length_scale))], "scaled")
    return _falling(writer, writer.node("Mul", [scaled, scaled], "square"), 2.0)


def _dot(writer: GraphWriter, kernel: DotProduct, value: str, points: NDArray[np.float64]) -> Value:
    offset = writer.constant(np.full((1, 1), float(kernel.sigma_0) ** 2), "offset")
    return writer.node("Gemm", [value, writer.constant(points.T.copy(), "points"), offset], "kernel")


def _power(writer: GraphWriter, kernel: Exponentiation, value: str, points: NDArray[np.float64]) -> Value:
    base = _kernel(writer, kernel.kernel, value, points)
    if isinstance(base, float):
        return float(base**kernel.exponent)
    return writer.node("Pow", [base, _number(writer, float(kernel.exponent))], "kernel")


def _pair(operator: str, combine: Callable[[float, float], float]) -> Callable[..., Value]:
    """Return a function that writes a sum or a product of two kernels."""

    def write(writer: GraphWriter, kernel: Sum | Product, value: str, points: NDArray[np.float64]) -> Value:
        first, second = (_kernel(writer, part, value, points) for part in (kernel.k1, kernel.k2))
        if isinstance(first, float) and isinstance(second, float):
            return combine(first, second)
        if isinstance(first, float):
            first, second = second, first
        if isinstance(second, float):
            neutral = second == (0.0 if operator == "Add" else 1.0)
            return first if neutral else writer.node(operator, [str(first), _number(writer, second)], "kernel")
        return writer.node(operator, [str(first), second], "kernel")

    return write


def _constant(_: GraphWriter, kernel: ConstantKernel, *__: Any) -> Value:
    return float(kernel.constant_value)


def _noise(*_: Any) -> Value:
    """Return 0: noise belongs to a training row itself, and a row of a request is never treated as one."""
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
