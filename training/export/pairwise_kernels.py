"""Kernels between rows and known points as ``sklearn.metrics.pairwise`` defines them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.export.distances import column_sums, magnitude
from training.export.links import product
from training.export.pen import Pen
from training.export.svm import radial

KERNELS = ("cosine", "laplacian", "linear", "poly", "polynomial", "rbf", "sigmoid")


def require_known_kernel(pen: Pen, kernel: object) -> str:
    """Return a kernel's name.

    Raises:
        ExportError: it is a function, or nothing is known about it.
    """
    if not isinstance(kernel, str) or kernel not in KERNELS:
        shown = kernel if isinstance(kernel, str) else "of one's own"
        raise pen.refusal(f"nothing is known about the kernel {shown!r}", "kernel='rbf' or kernel='linear'")
    return kernel


def pairwise_kernel(
    pen: Pen,
    kernel: str,
    value: str,
    points: NDArray[np.float64],
    *,
    gamma: float | None = None,
    degree: float = 3.0,
    coef0: float = 1.0,
) -> str:
    """Return a kernel between rows and points, shape (N, S).

    Args:
        pen: what writes.
        kernel: one of ``KERNELS``.
        value: shape (N, D).
        points: float64 of shape (S, D).
        gamma: None means 1 / D.
        degree: of the polynomial.
        coef0: what the polynomial and the sigmoid add.
    """
    gamma = 1.0 / points.shape[1] if gamma is None else float(gamma)
    if kernel == "linear":
        return product(pen, value, points.T.copy())
    if kernel == "cosine":
        return product(pen, _unit_rows(pen, value), _unit_points(points).T.copy())
    if kernel == "rbf":
        return radial(pen, value, points, gamma)
    if kernel == "laplacian":
        distance = column_sums(pen, value, points, magnitude)
        return pen.node(
            "Exp", [pen.node("Mul", [distance, pen.constant(np.full((1, 1), -gamma), "gamma")], "exponent")]
        )
    shift = pen.constant(np.full((1, 1), float(coef0)), "coef0")
    bent = pen.node("Gemm", [value, pen.constant(gamma * points.T, "points"), shift], "product")
    if kernel == "sigmoid":
        return pen.node("Tanh", [bent])
    return pen.node("Pow", [bent, pen.constant(np.full((1, 1), float(degree)), "degree")], "kernel")


def _unit_rows(pen: Pen, value: str) -> str:
    """Return rows of length 1; a row of zeros stays."""
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    length = pen.node("Sqrt", [pen.node("ReduceSumSquare", [value, axis], "square", keepdims=1)], "length")
    nothing = pen.node("Equal", [length, pen.constant(np.zeros((1, 1)), "zero")], "nothing")
    divisor = pen.node("Where", [nothing, pen.constant(np.ones((1, 1)), "one"), length], "divisor")
    return pen.node("Div", [value, divisor], "unit")


def _unit_points(points: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt(np.einsum("ij,ij->i", points, points))[:, np.newaxis]
    return np.asarray(points / np.where(lengths == 0.0, 1.0, lengths))
