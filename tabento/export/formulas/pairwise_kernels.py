"""Kernels between rows and fixed points, as ``sklearn.metrics.pairwise`` defines them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabento.export.formulas.distances import column_sums, magnitude, square
from tabento.export.formulas.links import product
from tabento.export.graph.writer import GraphWriter

KERNELS = ("cosine", "laplacian", "linear", "poly", "polynomial", "rbf", "sigmoid")


def require_known_kernel(writer: GraphWriter, kernel: object) -> str:
    """Return a kernel's name.

    Raises:
        ExportError: the kernel is a function, or is not in ``KERNELS``.
    """
    if not isinstance(kernel, str) or kernel not in KERNELS:
        kernel_name = kernel if isinstance(kernel, str) else "of one's own"
        raise writer.refusal(f"nothing is known about the kernel {kernel_name!r}", "kernel='rbf' or kernel='linear'")
    return kernel


def pairwise_kernel(
    writer: GraphWriter,
    kernel: str,
    value: str,
    points: NDArray[np.float64],
    *,
    gamma: float | None = None,
    degree: float = 3.0,
    coef0: float = 1.0,
) -> str:
    """Write a kernel between rows and points, shape (N, S).

    Args:
        writer: the graph writer.
        kernel: one of ``KERNELS``.
        value: shape (N, D).
        points: float64 of shape (S, D).
        gamma: None means 1 / D.
        degree: the degree of the polynomial.
        coef0: the constant of the polynomial and of the sigmoid.
    """
    gamma = 1.0 / points.shape[1] if gamma is None else float(gamma)
    if kernel == "linear":
        return product(writer, value, points.T.copy())
    if kernel == "cosine":
        return product(writer, _unit_rows(writer, value), _unit_points(points).T.copy())
    if kernel == "rbf":
        return radial(writer, value, points, gamma)
    if kernel == "laplacian":
        distance = column_sums(writer, value, points, magnitude)
        return writer.node(
            "Exp", [writer.node("Mul", [distance, writer.constant(np.full((1, 1), -gamma), "gamma")], "exponent")]
        )
    shift = writer.constant(np.full((1, 1), float(coef0)), "coef0")
    bent = writer.node("Gemm", [value, writer.constant(gamma * points.T, "points"), shift], "product")
    if kernel == "sigmoid":
        return writer.node("Tanh", [bent])
    return writer.node("Pow", [bent, writer.constant(np.full((1, 1), float(degree)), "degree")], "kernel")


def _unit_rows(writer: GraphWriter, value: str) -> str:
    """Write rows divided by their length; a row of zeros does not change."""
    axis = writer.constant(np.array([1], dtype=np.int64), "axis")
    length = writer.node("Sqrt", [writer.node("ReduceSumSquare", [value, axis], "square", keepdims=1)], "length")
    is_zero = writer.node("Equal", [length, writer.constant(np.zeros((1, 1)), "zero")], "nothing")
    divisor = writer.node("Where", [is_zero, writer.constant(np.ones((1, 1)), "one"), length], "divisor")
    return writer.node("Div", [value, divisor], "unit")


def _unit_points(points: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt(np.einsum("ij,ij->i", points, points))[:, np.newaxis]
    return np.asarray(points / np.where(lengths == 0.0, 1.0, lengths))


EXPANDED_LIMIT = 1e3
"""The largest gamma · (radius of the support vectors)² for which the exponent of the radial kernel is computed with one
matrix product of centred columns. The error is about 1e-16 of this number, so at most 1e-13 of the kernel's value. Above
it the kernel is narrow compared with the spread of the vectors, and differences are squared one at a time."""


def radial(writer: GraphWriter, value: str, points: NDArray[np.float64], gamma: float) -> str:
    """Write exp(-gamma · |x - p|²) for each row and point, shape (N, S)."""
    centre = points.mean(axis=0)
    centred_points = points - centre
    lengths = np.square(centred_points).sum(axis=1)
    if gamma * lengths.max() > EXPANDED_LIMIT:
        squared = column_sums(writer, value, points, square)
        return writer.node("Exp", [writer.node("Mul", [squared, writer.constant(np.full((1, 1), -gamma), "gamma")])])
    # -gamma · |a - b|² = (a, |a|²) · (2 gamma b, -gamma) - gamma · |b|², with the centre as origin.
    centred_rows = writer.node("Sub", [value, writer.constant(centre[np.newaxis], "centre")], "centred")
    squared_lengths = writer.node(
        "ReduceSumSquare", [centred_rows, writer.constant(np.array([1], dtype=np.int64), "axis")], "own", keepdims=1
    )
    matrix = np.vstack([2.0 * gamma * centred_points.T, np.full((1, len(points)), -gamma)])
    factors = [writer.concatenate([centred_rows, squared_lengths]), writer.constant(matrix, "points")]
    exponent = writer.node("Gemm", [*factors, writer.constant(-gamma * lengths[np.newaxis], "lengths")], "exponent")
    return writer.node("Exp", [exponent], "kernel")
