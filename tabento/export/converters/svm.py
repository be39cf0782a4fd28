"""Writes SVR, NuSVR, SVC, NuSVC, OneClassSVM, LinearSVR and LinearSVC of sklearn.svm.

ONNX Runtime's ``SVMRegressor`` and ``SVMClassifier`` are float32 only, so plain operators are used.

Digits: weighted sums of a kernel as libsvm computes it; their last bits differ from libsvm's.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, NuSVR, OneClassSVM

from tabento.export.converters.linear_model import decision_classifier, linear_regressor
from tabento.export.converters.multiclass import one_against_one
from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.links import label_above, label_of_largest
from tabento.export.formulas.pairwise_coupling import coupled_probabilities
from tabento.export.formulas.pairwise_kernels import radial
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, has_inexact_sums, regressor, same_in_float32

KERNELS = ("linear", "poly", "rbf", "sigmoid")

same_in_float32(SVR, NuSVR, SVC, NuSVC)

has_inexact_sums(SVR, NuSVR, SVC, NuSVC, labels=True)


@regressor(SVR, NuSVR)
def support_vector_regressor(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Write Σ coefficient · kernel(support vector, x) + intercept."""
    return kernel_sums(writer, model, columns, doubles(writer, model._dual_coef_).T)


@classifier(SVC, NuSVC)
def support_vector_classifier(writer: GraphWriter, model: Any, columns: Columns) -> Scores:
    """Write votes of one machine for each pair of classes, or the sign of the only one.

    libsvm decides for the first class of a pair if the machine gives more than 0. For two classes the machine has the opposite
    sign of ``decision_function``, so a decision of exactly 0 is the second class.
    """
    count = len(model.classes_)
    pairs = list(itertools.combinations(range(count), 2))
    machines = kernel_sums(writer, model, columns, _pair_coefficients(writer, model, pairs))
    probabilities = _probabilities(writer, model, machines)
    zero = writer.constant(np.zeros((1, 1)), "zero")
    if count == 2:
        second = writer.node("Not", [writer.node("Greater", [machines, zero], "first")], "second")
        return Scores(writer.cast(second), probabilities, writer.node("Neg", [machines], "decision"))
    if model.decision_function_shape == "ovo":
        decision = machines
    else:
        lost = writer.cast(writer.node("Less", [machines, zero], "lost"))
        decision = one_against_one(writer, lost, writer.node("Neg", [machines]), count)
        if model.break_ties:
            return Scores(label_of_largest(writer, decision), probabilities, decision)
    won = writer.cast(writer.node("Greater", [machines, zero], "won"))
    # The winner of each pair gets a vote: the first class if it has won, else the second.
    turn = np.zeros((len(pairs), count))
    seconds = np.zeros((1, count))
    for index, (first, second_class) in enumerate(pairs):
        turn[index, first], turn[index, second_class] = 1.0, -1.0
        seconds[0, second_class] += 1.0
    votes = writer.node("Gemm", [won, writer.constant(turn, "turn"), writer.constant(seconds, "votes")], "votes")
    return Scores(label_of_largest(writer, votes), probabilities, decision)


def _probabilities(writer: GraphWriter, model: Any, machines: str) -> str | None:
    """Return the probabilities of ``probability=True``, None without it; labels and decisions do not depend on it."""
    slopes, offsets = (np.asarray(getattr(model, name), dtype=np.float64) for name in ("_probA", "_probB"))
    if model.probability == "deprecated" or not model.probability or not slopes.size:
        return None
    return coupled_probabilities(writer, machines, slopes, offsets, len(model.classes_))


def _pair_coefficients(writer: GraphWriter, model: Any, pairs: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the weight of each support vector in each pair's machine, shape (S, pairs).

    Vectors are sorted by class. ``dual_coef_`` has one row less than there are classes: a vector of class i has its weight
    against class j in row j - 1 if j > i, else in row j.
    """
    dual = doubles(writer, model._dual_coef_)
    ends = np.cumsum([0, *model._n_support])
    weights = np.zeros((dual.shape[1], len(pairs)))
    for index, (first, second) in enumerate(pairs):
        first_vectors, second_vectors = slice(ends[first], ends[first + 1]), slice(ends[second], ends[second + 1])
        weights[first_vectors, index] = dual[second - 1, first_vectors]
        weights[second_vectors, index] = dual[first, second_vectors]
    return weights


def kernel_sums(writer: GraphWriter, model: Any, columns: Columns, weights: NDArray[np.float64]) -> str:
    """Return Σ weight · kernel + intercept, shape (N, machines); ``weights`` has shape (S, machines)."""
    require_present(writer, model, columns)
    if model.kernel not in KERNELS:
        label = model.kernel if isinstance(model.kernel, str) else "of one's own"
        raise writer.refusal(f"nothing is known about the kernel {label!r}", "kernel='rbf' or kernel='linear'")
    vectors = doubles(writer, model.support_vectors_)
    intercept = writer.constant(doubles(writer, model._intercept_)[np.newaxis].copy(), "intercept")
    if model.kernel == "linear" or not len(vectors):
        # The sum over the vectors is computed once, here, in more digits than a double has.
        direct = np.asarray(vectors.T.astype(np.longdouble) @ weights.astype(np.longdouble), dtype=np.float64)
        direct = direct.reshape(columns.width, weights.shape[1])
        return writer.node("Gemm", [columns.name, writer.constant(direct, "weights"), intercept], "machines")
    kernel = _kernel(writer, model, columns.name, vectors)
    return writer.node("Gemm", [kernel, writer.constant(weights, "coefficients"), intercept], "machines")


def _kernel(writer: GraphWriter, model: Any, value: str, vectors: NDArray[np.float64]) -> str:
    """Return the kernel between rows and support vectors, shape (N, S)."""
    gamma = float(model._gamma)
    if model.kernel == "rbf":
        return radial(writer, value, vectors, gamma)
    matrix, shift = (
        writer.constant(gamma * vectors.T, "vectors"),
        writer.constant(np.full((1, 1), float(model.coef0)), "coef0"),
    )
    bent = writer.node("Gemm", [value, matrix, shift], "product")
    return writer.node("Tanh", [bent]) if model.kernel == "sigmoid" else integer_power(writer, bent, int(model.degree))


def integer_power(writer: GraphWriter, value: str, exponent: int) -> str:
    """Return a power by libsvm's own multiplications: it squares, and multiplies for each bit of the exponent."""
    result = ""
    while exponent > 0:
        if exponent % 2:
            result = writer.node("Mul", [result, value], "power") if result else value
        exponent //= 2
        if exponent:
            value = writer.node("Mul", [value, value], "power")
    # The power 0 is 1 everywhere: x · 0 + 1 would be NaN at infinity, a comparison with itself is not.
    return result or writer.cast(writer.node("Equal", [value, value], "one"))


same_in_float32(OneClassSVM)


@classifier(OneClassSVM)
def one_class_svm(writer: GraphWriter, model: OneClassSVM, columns: Columns) -> Scores:
    """Write the label 1 if Σ coefficient · kernel(support vector, x) + intercept is above 0, as libsvm tests it."""
    sums = kernel_sums(writer, model, columns, doubles(writer, model._dual_coef_).T)
    return Scores(label_above(writer, sums), None, sums)


@regressor(LinearSVR)
def linear_support_vector_regressor(writer: GraphWriter, model: LinearSVR, columns: Columns) -> str:
    """Write the weighted sum: liblinear keeps weights of the columns, no support vectors."""
    return linear_regressor(writer, model, columns)


@classifier(LinearSVC)
def linear_support_vector_classifier(writer: GraphWriter, model: LinearSVC, columns: Columns) -> Scores:
    """Write the weighted sums as decisions; there are no probabilities."""
    return decision_classifier(writer, model, columns)
