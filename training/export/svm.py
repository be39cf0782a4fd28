"""Support vector machines as libsvm evaluates them, and kernel ridge regression: weighted sums of a kernel.

ONNX Runtime's ``SVMRegressor`` and ``SVMClassifier`` know float32 only, so everything is written with plain operators.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC, SVR, NuSVC, NuSVR

from training.export.distances import column_sums, square
from training.export.linear import doubles, require_present
from training.export.links import highest
from training.export.multiclass import one_against_one
from training.export.pairwise_coupling import coupled
from training.export.pen import Pen
from training.export.registry import adds_up, classifier, regressor, safe_in_single
from training.export.values import Columns, Scores

KERNELS = ("linear", "poly", "rbf", "sigmoid")
EXPANDED_LIMIT = 1e3
"""Up to this gamma · (radius of the support vectors)² the exponent of the radial kernel is taken from one matrix product
of centred columns. Its error is about 1e-16 of that figure, so at most 1e-13 of the kernel's value. Beyond it, where the
kernel is narrow against the spread of the vectors, differences are squared one by one."""

safe_in_single(SVR, NuSVR, SVC, NuSVC)

adds_up(SVR, NuSVR, SVC, NuSVC, labels=True)


@regressor(SVR, NuSVR)
def support_vector_regressor(pen: Pen, model: Any, columns: Columns) -> str:
    """Σ coefficient · kernel(support vector, x) + intercept."""
    return kernel_sums(pen, model, columns, doubles(pen, model._dual_coef_).T)


@classifier(SVC, NuSVC)
def support_vector_classifier(pen: Pen, model: Any, columns: Columns) -> Scores:
    """Votes of one machine per pair of classes, or the sign of the only one.

    libsvm gives a pair to its first class where the machine says more than 0. Its machine for two classes has the sign
    turned against ``decision_function``, so a decision of exactly 0 is the second class there.
    """
    count = len(model.classes_)
    pairs = list(itertools.combinations(range(count), 2))
    machines = kernel_sums(pen, model, columns, _pair_coefficients(pen, model, pairs))
    probabilities = _probabilities(pen, model, machines)
    zero = pen.constant(np.zeros((1, 1)), "zero")
    if count == 2:
        second = pen.node("Not", [pen.node("Greater", [machines, zero], "first")], "second")
        return Scores(pen.cast(second), probabilities, pen.node("Neg", [machines], "decision"))
    if model.decision_function_shape == "ovo":
        decision = machines
    else:
        lost = pen.cast(pen.node("Less", [machines, zero], "lost"))
        decision = one_against_one(pen, lost, pen.node("Neg", [machines]), count)
        if model.break_ties:
            return Scores(highest(pen, decision), probabilities, decision)
    won = pen.cast(pen.node("Greater", [machines, zero], "won"))
    # Each pair's winner gets a vote: what the first has won, and what it has not won for the second.
    turn = np.zeros((len(pairs), count))
    seconds = np.zeros((1, count))
    for at, (first, second_class) in enumerate(pairs):
        turn[at, first], turn[at, second_class] = 1.0, -1.0
        seconds[0, second_class] += 1.0
    votes = pen.node("Gemm", [won, pen.constant(turn, "turn"), pen.constant(seconds, "votes")], "votes")
    return Scores(highest(pen, votes), probabilities, decision)


def _probabilities(pen: Pen, model: Any, machines: str) -> str | None:
    """Return what ``probability=True`` adds, None without it; labels and decisions do not depend on it."""
    slopes, offsets = (np.asarray(getattr(model, name), dtype=np.float64) for name in ("_probA", "_probB"))
    if model.probability == "deprecated" or not model.probability or not slopes.size:
        return None
    return coupled(pen, machines, slopes, offsets, len(model.classes_))


def _pair_coefficients(pen: Pen, model: Any, pairs: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the weight of each support vector in each pair's machine, shape (S, pairs).

    Vectors are sorted by class. ``dual_coef_`` has a row less than there are classes: a vector of class i has its weight
    against class j in row j - 1 where j > i, else in row j.
    """
    dual = doubles(pen, model._dual_coef_)
    ends = np.cumsum([0, *model._n_support])
    weights = np.zeros((dual.shape[1], len(pairs)))
    for at, (first, second) in enumerate(pairs):
        mine, others = slice(ends[first], ends[first + 1]), slice(ends[second], ends[second + 1])
        weights[mine, at] = dual[second - 1, mine]
        weights[others, at] = dual[first, others]
    return weights


def kernel_sums(pen: Pen, model: Any, columns: Columns, weights: NDArray[np.float64]) -> str:
    """Return Σ weight · kernel + intercept, shape (N, machines); ``weights`` has shape (S, machines)."""
    require_present(pen, model, columns)
    if model.kernel not in KERNELS:
        shown = model.kernel if isinstance(model.kernel, str) else "of one's own"
        raise pen.refusal(f"nothing is known about the kernel {shown!r}", "kernel='rbf' or kernel='linear'")
    vectors = doubles(pen, model.support_vectors_)
    intercept = pen.constant(doubles(pen, model._intercept_)[np.newaxis].copy(), "intercept")
    if model.kernel == "linear" or not len(vectors):
        # The sum over the vectors is taken once, here, with more digits than a double has.
        direct = np.asarray(vectors.T.astype(np.longdouble) @ weights.astype(np.longdouble), dtype=np.float64)
        direct = direct.reshape(columns.width, weights.shape[1])
        return pen.node("Gemm", [columns.name, pen.constant(direct, "weights"), intercept], "machines")
    kernel = _kernel(pen, model, columns.name, vectors)
    return pen.node("Gemm", [kernel, pen.constant(weights, "coefficients"), intercept], "machines")


def _kernel(pen: Pen, model: Any, value: str, vectors: NDArray[np.float64]) -> str:
    """Return the kernel between rows and support vectors, shape (N, S)."""
    gamma = float(model._gamma)
    if model.kernel == "rbf":
        return radial(pen, value, vectors, gamma)
    matrix, shift = (
        pen.constant(gamma * vectors.T, "vectors"),
        pen.constant(np.full((1, 1), float(model.coef0)), "coef0"),
    )
    bent = pen.node("Gemm", [value, matrix, shift], "product")
    return pen.node("Tanh", [bent]) if model.kernel == "sigmoid" else integer_power(pen, bent, int(model.degree))


def radial(pen: Pen, value: str, points: NDArray[np.float64], gamma: float) -> str:
    """Return exp(-gamma · |x - p|²) for each row and point, shape (N, S)."""
    centre = points.mean(axis=0)
    moved = points - centre
    lengths = np.square(moved).sum(axis=1)
    if gamma * lengths.max() > EXPANDED_LIMIT:
        squared = column_sums(pen, value, points, square)
        return pen.node("Exp", [pen.node("Mul", [squared, pen.constant(np.full((1, 1), -gamma), "gamma")])])
    # -gamma · |a - b|² = (a, |a|²) · (2 gamma b, -gamma) - gamma · |b|², with the centre as origin.
    placed = pen.node("Sub", [value, pen.constant(centre[np.newaxis], "centre")], "centred")
    own = pen.node("ReduceSumSquare", [placed, pen.constant(np.array([1], dtype=np.int64), "axis")], "own", keepdims=1)
    matrix = np.vstack([2.0 * gamma * moved.T, np.full((1, len(points)), -gamma)])
    given = [pen.side_by_side([placed, own]), pen.constant(matrix, "points")]
    exponent = pen.node("Gemm", [*given, pen.constant(-gamma * lengths[np.newaxis], "lengths")], "exponent")
    return pen.node("Exp", [exponent], "kernel")


def integer_power(pen: Pen, value: str, exponent: int) -> str:
    """Return a power by the very multiplications of libsvm: it squares, and multiplies where the exponent has a bit."""
    result = ""
    while exponent > 0:
        if exponent % 2:
            result = pen.node("Mul", [result, value], "power") if result else value
        exponent //= 2
        if exponent:
            value = pen.node("Mul", [value, value], "power")
    # The power 0 is 1 everywhere: x · 0 + 1 would be NaN at infinity, a comparison with itself is not.
    return result or pen.cast(pen.node("Equal", [value, value], "one"))
