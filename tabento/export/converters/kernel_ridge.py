"""Writes KernelRidge of sklearn.kernel_ridge: a kernel between rows and training rows, times weights.

Digits: sums of a kernel, whose last bits differ between NumPy and ONNX Runtime.
"""

from __future__ import annotations

import numpy as np
from sklearn.kernel_ridge import KernelRidge

from tabento.export.converters.linear_model import weighted_sums
from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.links import product
from tabento.export.formulas.pairwise_kernels import pairwise_kernel, require_known_kernel
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import has_inexact_sums, regressor

has_inexact_sums(KernelRidge)


@regressor(KernelRidge)
def kernel_ridge(writer: GraphWriter, model: KernelRidge, columns: Columns) -> str:
    """Write Σ weight · kernel(training row, x), one sum for each target."""
    require_present(writer, model, columns)
    kernel = require_known_kernel(writer, model.kernel)
    points = doubles(writer, model.X_fit_)
    weights = doubles(writer, model.dual_coef_).reshape(len(points), -1)
    if kernel == "linear":
        direct = np.asarray(points.T.astype(np.longdouble) @ weights.astype(np.longdouble), dtype=np.float64)
        return weighted_sums(writer, columns, direct.T, 0.0)
    similar = pairwise_kernel(
        writer, kernel, columns.name, points, gamma=model.gamma, degree=model.degree, coef0=model.coef0
    )
    return product(writer, similar, weights)
