"""Writes Nystroem and RBFSampler of sklearn.kernel_approximation: columns whose products approximate a kernel.

Digits: kernels and cosines differ from NumPy in the last bits, so trees after them are refused.
"""

from __future__ import annotations

import numpy as np
from sklearn.kernel_approximation import Nystroem, RBFSampler

from tabento.export.converters.decomposition import KERNEL_BITS, PCA_INSTEAD
from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.links import product
from tabento.export.formulas.pairwise_kernels import pairwise_kernel, require_known_kernel
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer

GROWTH = 1e5
"""The largest accepted factor by which Nystroem's normalisation enlarges a kernel's rounding of 1e-16: to 1e-11."""


@transformer(Nystroem)
def nystroem(writer: GraphWriter, model: Nystroem, columns: Columns) -> Columns:
    """Write the kernel between rows and the sampled training rows, times the matrix that makes those orthonormal."""
    require_present(writer, model, columns)
    kernel = require_known_kernel(writer, model.kernel)
    points, matrix = doubles(writer, model.components_), doubles(writer, model.normalization_)
    growth = float(np.linalg.norm(matrix, 2))
    if growth > GROWTH:
        raise writer.refusal(
            "its normalisation enlarges the rounding of the kernel more than"
            f" {GROWTH:,.0f} times, so that scikit-learn's own answers change with the batch",
            "fewer n_components, or a larger gamma",
        )
    parameters = {
        name: value for name, value in model._get_kernel_params().items() if name in ("gamma", "degree", "coef0")
    }
    similar = pairwise_kernel(writer, kernel, columns.name, points, **parameters)
    value = product(writer, similar, matrix.T.copy())
    writer.mark_machine_dependent(value, f"the columns of Nystroem, {KERNEL_BITS}", PCA_INSTEAD)
    return numbers(value, len(matrix))


@transformer(RBFSampler)
def rbf_sampler(writer: GraphWriter, model: RBFSampler, columns: Columns) -> Columns:
    """Write cos(x · weights + offsets) · √(2 / components): random Fourier features (Rahimi, Recht, NIPS 2007)."""
    require_present(writer, model, columns)
    weights, offsets = doubles(writer, model.random_weights_), doubles(writer, model.random_offset_)
    operands = [
        columns.name,
        writer.constant(weights.copy(), "weights"),
        writer.constant(offsets[np.newaxis].copy(), "offsets"),
    ]
    wave = writer.node("Cos", [writer.node("Gemm", operands, "phase")], "wave")
    scale = writer.constant(np.full((1, 1), (2.0 / model.n_components) ** 0.5), "scale")
    value = writer.node("Mul", [wave, scale], "features")
    writer.mark_machine_dependent(
        value, "the cosines of RBFSampler, whose last bits differ between NumPy and ONNX Runtime", PCA_INSTEAD
    )
    return numbers(value, weights.shape[1])
