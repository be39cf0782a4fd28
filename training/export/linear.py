"""Linear models: a weighted sum of the columns, at times behind a link function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn._loss.link import IdentityLink, LogLink
from sklearn.cross_decomposition import CCA, PLSCanonical, PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
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
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
    TheilSenRegressor,
    TweedieRegressor,
)
from sklearn.svm import LinearSVC, LinearSVR

from training.export.arrivals import refuse_missing
from training.export.links import (
    above,
    both_classes,
    falling_sigmoid,
    highest,
    mark_product,
    product,
    shares,
    sigmoid,
    softmax,
)
from training.export.pen import Pen
from training.export.registry import adds_up, classifier, regressor
from training.export.values import Columns, Scores, numbers


def doubles(pen: Pen, values: Any) -> NDArray[np.float64]:
    """Return what an estimator has learned as a dense float64 array.

    Raises:
        ExportError: it is float32: the estimator then computes in float32, which the graph does not.
    """
    dense = values.toarray() if sparse.issparse(values) else np.asarray(values)
    if dense.dtype in (np.float32, np.float16):
        raise pen.refusal(f"it was fitted on {dense.dtype} columns", "transformers that give float64, fitted again")
    return np.asarray(dense, dtype=np.float64)


def require_present(pen: Pen, model: Any, columns: Columns) -> None:
    """Refuse where an estimator would see strings, or a missing value on which it raises.

    Raises:
        ExportError: a column holds categories, or the contract lets it be missing and nothing imputes it.
    """
    pen.require_numbers(columns)
    refuse_missing(pen, columns, type(model).__name__)


def weighted_sums(pen: Pen, columns: Columns, coefficients: Any, intercept: Any) -> str:
    """Return x · coefficientsᵀ + intercept.

    Args:
        columns: F of them, of which ``require_present`` has been asked.
        coefficients: shape (T, F) or (F,), the latter counting as T = 1.
        intercept: a number, or shape (T,).

    Returns:
        A value of shape (N, T). The product is summed up first, as scikit-learn does, and in double; BLAS and ONNX
        Runtime may add in another order.
    """
    weights = np.atleast_2d(doubles(pen, coefficients))
    offset = np.broadcast_to(doubles(pen, intercept).reshape(-1), len(weights))
    if weights.shape[1] != columns.width:
        raise pen.refusal(
            f"it was fitted on {weights.shape[1]} columns and gets {columns.width}", "the columns that it was fitted on"
        )
    if not offset.any():
        return product(pen, columns.name, weights.T.copy())
    given = [columns.name, pen.constant(weights.T.copy(), "weights")]
    sums = pen.node("Gemm", [*given, pen.constant(offset[np.newaxis].copy(), "intercept")], "sums")
    mark_product(pen, sums, weights.T.shape)
    return sums


adds_up(LogisticRegression, LogisticRegressionCV, LinearDiscriminantAnalysis, SGDClassifier)
adds_up(PoissonRegressor, GammaRegressor, TweedieRegressor)


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
    LinearSVR,
)
def linear_regressor(pen: Pen, model: Any, columns: Columns) -> str:
    """The weighted sums, one per target."""
    require_present(pen, model, columns)
    return weighted_sums(pen, columns, model.coef_, model.intercept_)


@regressor(PLSRegression, PLSCanonical, CCA)
def partial_least_squares(pen: Pen, model: Any, columns: Columns) -> str:
    """Weighted sums of the centred columns."""
    require_present(pen, model, columns)
    mean = pen.constant(doubles(pen, model._x_mean)[np.newaxis], "mean")
    centred = numbers(pen.node("Sub", [columns.name, mean], "centred"), columns.width)
    return weighted_sums(pen, centred, model.coef_, model.intercept_)


@regressor(PoissonRegressor, GammaRegressor, TweedieRegressor)
def generalised_linear_regressor(pen: Pen, model: Any, columns: Columns) -> str:
    """The inverse link of the weighted sum: exp or nothing."""
    require_present(pen, model, columns)
    raw = weighted_sums(pen, columns, model.coef_, model.intercept_)
    link = model._base_loss.link
    if type(link) is LogLink:
        return pen.node("Exp", [raw])
    if type(link) is IdentityLink:
        return raw
    raise pen.refusal(f"nothing is known about the link {type(link).__name__}", "link='log' or link='identity'")


def _decision(pen: Pen, model: Any, columns: Columns) -> tuple[str, str]:
    """Return the decision, (N, 1) for two classes else (N, C), and the label that it makes."""
    require_present(pen, model, columns)
    scores = weighted_sums(pen, columns, model.coef_, model.intercept_)
    two = np.atleast_2d(model.coef_).shape[0] == 1
    return scores, above(pen, scores) if two else highest(pen, scores)


def _two_logistic_classes(pen: Pen, model: Any, columns: Columns) -> Scores:
    """Return the sigmoid of the only decision.

    The decision is written with its sign turned, which changes no bit of it: the exponential wants it so.
    """
    require_present(pen, model, columns)
    turned = weighted_sums(pen, columns, -doubles(pen, model.coef_), -doubles(pen, model.intercept_))
    positive = pen.node("Less", [turned, pen.constant(np.zeros((1, 1)), "zero")], "positive")
    probabilities = both_classes(pen, falling_sigmoid(pen, turned))
    return Scores(pen.cast(positive), probabilities, pen.node("Neg", [turned], "decision"))


@classifier(LogisticRegression, LogisticRegressionCV, LinearDiscriminantAnalysis)
def softmax_classifier(pen: Pen, model: Any, columns: Columns) -> Scores:
    """Two classes: the sigmoid of the decision; more: the softmax of the decisions."""
    if len(model.classes_) == 2:
        return _two_logistic_classes(pen, model, columns)
    decision, label = _decision(pen, model, columns)
    return Scores(label, softmax(pen, decision), decision)


@classifier(LinearSVC, RidgeClassifier, RidgeClassifierCV, Perceptron, PassiveAggressiveClassifier)
def decision_classifier(pen: Pen, model: Any, columns: Columns) -> Scores:
    """A decision and no probabilities."""
    binarizer = getattr(model, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
        raise pen.refusal("it gives several labels a row", "one classifier per label")
    decision, label = _decision(pen, model, columns)
    return Scores(label, None, decision)


@classifier(SGDClassifier)
def sgd_classifier(pen: Pen, model: SGDClassifier, columns: Columns) -> Scores:
    """One decision per class against the rest; probabilities for the losses that have them."""
    two = len(model.classes_) == 2
    if two and model.loss == "log_loss":
        return _two_logistic_classes(pen, model, columns)
    decision, label = _decision(pen, model, columns)
    if model.loss == "log_loss":
        chance = sigmoid(pen, decision)
    elif model.loss == "modified_huber":
        low, high = (pen.constant(np.array(end), "end") for end in (-1.0, 1.0))
        clipped = pen.node("Clip", [decision, low, high])
        raised = pen.node("Add", [clipped, pen.constant(np.ones((1, 1)), "one")], "raised")
        chance = pen.node("Div", [raised, pen.constant(np.full((1, 1), 2.0), "two")], "chance")
    else:
        return Scores(label, None, decision)
    chances = both_classes(pen, chance) if two else shares(pen, chance, len(model.classes_))
    return Scores(label, chances, decision)
