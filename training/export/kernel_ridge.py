"""Kernel ridge regression: a kernel between rows and training rows, times weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge

from training.export.distances import column_sums, magnitude
from training.export.linear import doubles, require_present, weighted_sums
from training.export.links import product
from training.export.pen import Pen
from training.export.registry import regressor
from training.export.svm import radial
from training.export.values import Columns

KERNELS = ("laplacian", "linear", "poly", "polynomial", "rbf", "sigmoid")


@regressor(KernelRidge)
def kernel_ridge(pen: Pen, model: KernelRidge, columns: Columns) -> str:
    """Σ weight · kernel(training row, x), one sum per target."""
    require_present(pen, model, columns)
    if model.kernel not in KERNELS:
        shown = model.kernel if isinstance(model.kernel, str) else "of one's own"
        raise pen.refusal(f"nothing is known about the kernel {shown!r}", f"one of {list(KERNELS)}")
    points = doubles(pen, model.X_fit_)
    weights = doubles(pen, model.dual_coef_).reshape(len(points), -1)
    if model.kernel == "linear":
        direct = np.asarray(points.T.astype(np.longdouble) @ weights.astype(np.longdouble), dtype=np.float64)
        return weighted_sums(pen, columns, direct.T, 0.0)
    return product(pen, _kernel(pen, model, columns.name, points), weights)


def _kernel(pen: Pen, model: KernelRidge, value: str, points: NDArray[np.float64]) -> str:
    """Return the kernel between rows and training rows, shape (N, S)."""
    gamma = 1.0 / points.shape[1] if model.gamma is None else float(model.gamma)
    if model.kernel == "rbf":
        return radial(pen, value, points, gamma)
    if model.kernel == "laplacian":
        distance = column_sums(pen, value, points, magnitude)
        return pen.node(
            "Exp", [pen.node("Mul", [distance, pen.constant(np.full((1, 1), -gamma), "gamma")], "exponent")]
        )
    shift = pen.constant(np.full((1, 1), float(model.coef0)), "coef0")
    bent = pen.node("Gemm", [value, pen.constant(gamma * points.T, "points"), shift], "product")
    if model.kernel == "sigmoid":
        return pen.node("Tanh", [bent])
    return pen.node("Pow", [bent, pen.constant(np.full((1, 1), float(model.degree)), "degree")], "kernel")
