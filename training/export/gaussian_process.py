"""Gaussian process regression: the mean of the posterior, a kernel between rows and training rows times weights.

Weights of a smooth kernel are large and cancel, so distances are summed up from differences here, as scipy does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
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
from training.export.linear import doubles, require_present
from training.export.links import product
from training.export.pen import Pen
from training.export.registry import regressor
from training.export.values import Columns

Value = str | float
"""A kernel's values, shape (N, S), or one number for all of them."""


@regressor(GaussianProcessRegressor)
def gaussian_process(pen: Pen, model: GaussianProcessRegressor, columns: Columns) -> str:
    """Σ weight · kernel(training row, x), taken back from the scale on which it was learned."""
    require_present(pen, model, columns)
    points = doubles(pen, model.X_train_)
    weights = doubles(pen, model.alpha_).reshape(len(points), -1)
    kernel = _kernel(pen, model.kernel_, columns.name, points)
    if isinstance(kernel, float):
        raw = repeated(pen, columns, kernel * weights.sum(axis=0))
    else:
        raw = product(pen, kernel, weights)
    return _add(pen, _times(pen, raw, np.atleast_2d(model._y_train_std)), np.atleast_2d(model._y_train_mean))


def _kernel(pen: Pen, kernel: Any, value: str, points: NDArray[np.float64]) -> Value:
    """Return a kernel's values between rows and points.

    Raises:
        ExportError: nothing is known about the kernel.
    """
    write: Callable[[Pen, Any, str, NDArray[np.float64]], Value] | None = _KERNELS.get(type(kernel))
    if write is None:
        known = ", ".join(sorted(kind.__name__ for kind in _KERNELS))
        raise pen.refusal(f"nothing is known about the kernel {type(kernel).__name__}", f"one of {known}")
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
