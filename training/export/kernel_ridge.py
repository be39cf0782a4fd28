"""Kernel ridge regression: a kernel between rows and training rows, times weights."""

from __future__ import annotations

import numpy as np
from sklearn.kernel_ridge import KernelRidge

from training.export.linear import doubles, require_present, weighted_sums
from training.export.links import product
from training.export.pairwise_kernels import pairwise_kernel, require_known_kernel
from training.export.pen import Pen
from training.export.registry import adds_up, regressor
from training.export.values import Columns

adds_up(KernelRidge)


@regressor(KernelRidge)
def kernel_ridge(pen: Pen, model: KernelRidge, columns: Columns) -> str:
    """Σ weight · kernel(training row, x), one sum per target."""
    require_present(pen, model, columns)
    kernel = require_known_kernel(pen, model.kernel)
    points = doubles(pen, model.X_fit_)
    weights = doubles(pen, model.dual_coef_).reshape(len(points), -1)
    if kernel == "linear":
        direct = np.asarray(points.T.astype(np.longdouble) @ weights.astype(np.longdouble), dtype=np.float64)
        return weighted_sums(pen, columns, direct.T, 0.0)
    similar = pairwise_kernel(
        pen, kernel, columns.name, points, gamma=model.gamma, degree=model.degree, coef0=model.coef0
    )
    return product(pen, similar, weights)
