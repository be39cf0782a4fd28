"""Writes the linear models of sklearn.linear_model: regressors, generalised linear models, classifiers, RANSAC.

Digits: weighted sums in the bits of a batch if the product has them (``tabento.export.formulas.links.product``); links and
softmax differ from NumPy in the last bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn._loss.link import IdentityLink, LogLink
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lars,
    LarsCV,
    Lasso,
    LassoCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
    Perceptron,
    PoissonRegressor,
    QuantileRegressor,
    RANSACRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
    TheilSenRegressor,
    TweedieRegressor,
)

from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.class_indices import indicator_scores
from tabento.export.formulas.links import (
    both_probabilities,
    divide_by_row_sum,
    falling_sigmoid,
    label_above,
    label_of_largest,
    mark_product,
    product,
    sigmoid,
    softmax,
)
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.label_answers import answers_indicators
from tabento.export.registry import (
    classifier,
    has_inexact_sums,
    regress,
    regressor,
    same_in_float32,
)


def weighted_sums(writer: GraphWriter, columns: Columns, coefficients: Any, intercept: Any) -> str:
    """Return x · coefficientsᵀ + intercept.

    Args:
        writer: the writer of the graph.
        columns: F columns that ``require_present`` has accepted.
        coefficients: shape (T, F) or (F,), which means T = 1.
        intercept: a number, or shape (T,).

    Returns:
        A value of shape (N, T). The product is added first, as in scikit-learn, and in double; BLAS and ONNX Runtime may
        add in another order.
    """
    weights = np.atleast_2d(doubles(writer, coefficients))
    offset = np.broadcast_to(doubles(writer, intercept).reshape(-1), len(weights))
    if weights.shape[1] != columns.width:
        raise writer.refusal(
            f"it was fitted on {weights.shape[1]} columns and gets {columns.width}", "the columns that it was fitted on"
        )
    if not offset.any():
        return product(writer, columns.name, weights.T.copy())
    operands = [columns.name, writer.constant(weights.T.copy(), "weights")]
    sums = writer.node("Gemm", [*operands, writer.constant(offset[np.newaxis].copy(), "intercept")], "sums")
    mark_product(writer, sums, weights.T.shape)
    return sums


has_inexact_sums(LogisticRegression, LogisticRegressionCV, SGDClassifier)
has_inexact_sums(PoissonRegressor, GammaRegressor, TweedieRegressor)


@regressor(
    LinearRegression,
    Ridge,
    RidgeCV,
    Lasso,
    LassoCV,
    ElasticNet,
    ElasticNetCV,
    MultiTaskLasso,
    MultiTaskLassoCV,
    MultiTaskElasticNet,
    MultiTaskElasticNetCV,
    Lars,
    LarsCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    OrthogonalMatchingPursuit,
    OrthogonalMatchingPursuitCV,
    BayesianRidge,
    ARDRegression,
    HuberRegressor,
    TheilSenRegressor,
    QuantileRegressor,
    SGDRegressor,
    PassiveAggressiveRegressor,
)
def linear_regressor(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Write the weighted sums, one for each target."""
    require_present(writer, model, columns)
    return weighted_sums(writer, columns, model.coef_, model.intercept_)


@regressor(PoissonRegressor, GammaRegressor, TweedieRegressor)
def generalised_linear_regressor(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Write the inverse link of the weighted sum: the exponential or the identity."""
    require_present(writer, model, columns)
    raw = weighted_sums(writer, columns, model.coef_, model.intercept_)
    link = model._base_loss.link
    if type(link) is LogLink:
        return writer.node("Exp", [raw])
    if type(link) is IdentityLink:
        return raw
    raise writer.refusal(f"nothing is known about the link {type(link).__name__}", "link='log' or link='identity'")


def _decision(writer: GraphWriter, model: Any, columns: Columns) -> tuple[str, str]:
    """Return the decision, (N, 1) for two classes else (N, C), and the label that follows from it."""
    require_present(writer, model, columns)
    scores = weighted_sums(writer, columns, model.coef_, model.intercept_)
    two = np.atleast_2d(model.coef_).shape[0] == 1
    return scores, label_above(writer, scores) if two else label_of_largest(writer, scores)


def _two_logistic_classes(writer: GraphWriter, model: Any, columns: Columns) -> Scores:
    """Return the sigmoid of the only decision.

    The decision is written with its sign changed, because the exponential needs it so; that changes no other bit.
    """
    require_present(writer, model, columns)
    turned = weighted_sums(writer, columns, -doubles(writer, model.coef_), -doubles(writer, model.intercept_))
    positive = writer.node("Less", [turned, writer.constant(np.zeros((1, 1)), "zero")], "positive")
    probabilities = both_probabilities(writer, falling_sigmoid(writer, turned))
    return Scores(writer.cast(positive), probabilities, writer.node("Neg", [turned], "decision"))


@classifier(LogisticRegression, LogisticRegressionCV)
def softmax_classifier(writer: GraphWriter, model: Any, columns: Columns) -> Scores:
    """Write the sigmoid of the decision for two classes, the softmax of the decisions for several."""
    if len(model.classes_) == 2:
        return _two_logistic_classes(writer, model, columns)
    decision, label = _decision(writer, model, columns)
    return Scores(label, softmax(writer, decision), decision)


@classifier(RidgeClassifier, RidgeClassifierCV, Perceptron, PassiveAggressiveClassifier)
def decision_classifier(writer: GraphWriter, model: Any, columns: Columns) -> Scores:
    """Write a decision without probabilities."""
    if answers_indicators(model):
        require_present(writer, model, columns)
        scores = weighted_sums(writer, columns, model.coef_, model.intercept_)
        return indicator_scores(writer, model, label_above(writer, scores), len(model.classes_))
    decision, label = _decision(writer, model, columns)
    return Scores(label, None, decision)


@classifier(SGDClassifier)
def sgd_classifier(writer: GraphWriter, model: SGDClassifier, columns: Columns) -> Scores:
    """Write one decision for each class against the rest, and probabilities for the losses that have them."""
    two = len(model.classes_) == 2
    if two and model.loss == "log_loss":
        return _two_logistic_classes(writer, model, columns)
    decision, label = _decision(writer, model, columns)
    if model.loss == "log_loss":
        chance = sigmoid(writer, decision)
    elif model.loss == "modified_huber":
        low, high = (writer.constant(np.array(end), "end") for end in (-1.0, 1.0))
        clipped = writer.node("Clip", [decision, low, high])
        raised = writer.node("Add", [clipped, writer.constant(np.ones((1, 1)), "one")], "raised")
        chance = writer.node("Div", [raised, writer.constant(np.full((1, 1), 2.0), "two")], "chance")
    else:
        return Scores(label, None, decision)
    chances = both_probabilities(writer, chance) if two else divide_by_row_sum(writer, chance, len(model.classes_))
    return Scores(label, chances, decision)


same_in_float32(RANSACRegressor)


@regressor(RANSACRegressor)
def ransac(writer: GraphWriter, model: RANSACRegressor, columns: Columns) -> str:
    """Write the regressor that was fitted on the inliers."""
    with writer.step_scope("estimator_"):
        return regress(writer, model.estimator_, columns)


@classifier(SGDOneClassSVM)
def sgd_one_class_svm(writer: GraphWriter, model: SGDOneClassSVM, columns: Columns) -> Scores:
    """Write the label 1 if x · coefficients - offset is 0 or more, else 0."""
    require_present(writer, model, columns)
    decision = weighted_sums(writer, columns, model.coef_, -doubles(writer, model.offset_))
    return Scores(not_negative(writer, decision), None, decision)


def not_negative(writer: GraphWriter, decision: str) -> str:
    """Return 1 for an ordinary row, whose decision is 0 or more, else 0: a label of shape (N, 1)."""
    return writer.cast(writer.node("GreaterOrEqual", [decision, writer.constant(np.zeros((1, 1)), "zero")], "ordinary"))
