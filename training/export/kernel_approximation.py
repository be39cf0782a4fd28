"""Approximations of kernels: columns whose products come near a kernel."""

from __future__ import annotations

import numpy as np
from sklearn.kernel_approximation import Nystroem, RBFSampler

from training.export.linear import doubles, require_present
from training.export.links import product
from training.export.pairwise_kernels import pairwise_kernel, require_known_kernel
from training.export.pen import Pen
from training.export.projecting import PCA_INSTEAD
from training.export.registry import transformer
from training.export.values import Columns, numbers

GROWTH = 1e5
"""Up to this factor by which Nystroem's normalisation may enlarge the rounding of a kernel, about 1e-16: 1e-11 is left."""

KERNEL_BITS = "sums of a kernel whose last bits differ between NumPy and ONNX Runtime"


@transformer(Nystroem)
def nystroem(pen: Pen, model: Nystroem, columns: Columns) -> Columns:
    """Kernel between rows and the chosen training rows, times what makes those orthonormal."""
    require_present(pen, model, columns)
    kernel = require_known_kernel(pen, model.kernel)
    points, matrix = doubles(pen, model.components_), doubles(pen, model.normalization_)
    growth = float(np.linalg.norm(matrix, 2))
    if growth > GROWTH:
        raise pen.refusal(
            "its normalisation enlarges the rounding of the kernel more than"
            f" {GROWTH:,.0f} times, so that scikit-learn's own answers change with the batch",
            "fewer n_components, or a larger gamma",
        )
    known = {name: value for name, value in model._get_kernel_params().items() if name in ("gamma", "degree", "coef0")}
    similar = pairwise_kernel(pen, kernel, columns.name, points, **known)
    value = product(pen, similar, matrix.T.copy())
    pen.unsettle(value, f"the columns of Nystroem, {KERNEL_BITS}", PCA_INSTEAD)
    return numbers(value, len(matrix))


@transformer(RBFSampler)
def rbf_sampler(pen: Pen, model: RBFSampler, columns: Columns) -> Columns:
    """cos(x · weights + offsets) · √(2 / components): random Fourier features (Rahimi, Recht, NIPS 2007)."""
    require_present(pen, model, columns)
    weights, offsets = doubles(pen, model.random_weights_), doubles(pen, model.random_offset_)
    given = [columns.name, pen.constant(weights.copy(), "weights"), pen.constant(offsets[np.newaxis].copy(), "offsets")]
    wave = pen.node("Cos", [pen.node("Gemm", given, "phase")], "wave")
    scale = pen.constant(np.full((1, 1), (2.0 / model.n_components) ** 0.5), "scale")
    value = pen.node("Mul", [wave, scale], "features")
    pen.unsettle(value, "the cosines of RBFSampler, whose last bits differ between NumPy and ONNX Runtime", PCA_INSTEAD)
    return numbers(value, weights.shape[1])
