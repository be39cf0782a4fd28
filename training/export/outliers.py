"""Outlier detectors: each answers -1 for an outlier and 1 for an ordinary row, as the labels 0 and 1 of two classes.

The label is the side of a threshold on which a score lies. For IsolationForest the score is a falling function of the
depths at which the trees isolate a row (Liu, Ting, Zhou: Isolation Forest, ICDM 2008). The threshold is carried back
through that function, so that depths are compared: no power is left whose last bit could differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length
from sklearn.linear_model import SGDOneClassSVM
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from training.export.forests import cart, is_leaf
from training.export.leaves import numbered, reached_by
from training.export.linear import doubles, require_present, weighted_sums
from training.export.links import above, product, row_sum
from training.export.pen import Pen
from training.export.registry import classifier, safe_in_single
from training.export.svm import kernel_sums
from training.export.trees import join
from training.export.values import Columns, Scores

HALVINGS = 2_100
"""More halvings than any two doubles need until they are neighbours: the exponent has 2,046 values, the fraction 52 bits."""

safe_in_single(IsolationForest, OneClassSVM)


@classifier(IsolationForest)
def isolation_forest(pen: Pen, model: IsolationForest, columns: Columns) -> Scores:
    """The sum of the depths at which the trees isolate a row, compared with the smallest sum of an ordinary row."""
    pen.require_numbers(columns)
    parts = []
    for member, features in zip(model.estimators_, model.estimators_features_, strict=True):
        tree = member.tree_
        depths = tree.compute_node_depths() + _average_path_length(tree.n_node_samples) - 1.0
        part = cart(tree, np.asarray(depths, dtype=np.float64))
        part.features = np.asarray(features, dtype=np.int64)[part.features]
        if columns.sparse:
            # scikit-learn compares a missing value of a sparse row as it is, which is never below a threshold.
            part.missing = np.zeros_like(part.missing)
        parts.append(part)
    depths = pen.trees(columns, join(parts), model)
    first = _first_ordinary(model)
    ordinary = pen.node("GreaterOrEqual", [depths, pen.constant(np.full((1, 1), first), "ordinary")], "ordinary")
    return Scores(pen.cast(ordinary))


def _first_ordinary(model: IsolationForest) -> float:
    """Return the smallest sum of depths that is no outlier, infinity if every sum is one."""
    denominator = len(model.estimators_) * float(_average_path_length([model._max_samples])[0])

    def is_ordinary(depth: float) -> bool:
        depths = np.array([depth])
        quotient = np.divide(depths, denominator, out=np.ones_like(depths), where=denominator != 0)
        return not bool((-(2 ** (-quotient)) - model.offset_)[0] < 0)

    return first_true(is_ordinary, -1.0, float(np.finfo(np.float64).max))


def first_true(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return the smallest double between two at which a rising condition holds; infinity if it never does.

    Args:
        holds: false up to a double and true from there on.
        low: returned if the condition holds there already.
        high: above every double of interest.
    """
    if holds(low):
        return low
    if not holds(high):
        return float(np.inf)
    for _ in range(HALVINGS):
        middle = low / 2 + high / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


@reached_by(IsolationForest)
def leaves_of_isolation(model: IsolationForest, X: Any) -> NDArray[np.int64]:
    """The leaf of each tree, shape (N, trees); a tree may see some of the columns only."""
    # float32 without a check, as the forest does it: infinity is let through.
    values = X.astype(np.float32) if sparse.issparse(X) else np.asarray(X, dtype=np.float32)
    found = []
    for member, features in zip(model.estimators_, model.estimators_features_, strict=True):
        nodes = member.apply(values[:, features], check_input=False)
        found.append(numbered(is_leaf(member.tree_), nodes))
    return np.stack(found, axis=1)


@classifier(OneClassSVM)
def one_class_svm(pen: Pen, model: OneClassSVM, columns: Columns) -> Scores:
    """Ordinary where Σ coefficient · kernel(support vector, x) + intercept is above 0: libsvm asks for more than 0."""
    sums = kernel_sums(pen, model, columns, doubles(pen, model._dual_coef_).T)
    return Scores(above(pen, sums), None, sums)


@classifier(SGDOneClassSVM)
def sgd_one_class_svm(pen: Pen, model: SGDOneClassSVM, columns: Columns) -> Scores:
    """Ordinary where x · coefficients - offset is not below 0."""
    require_present(pen, model, columns)
    decision = weighted_sums(pen, columns, model.coef_, -doubles(pen, model.offset_))
    return Scores(_not_negative(pen, decision), None, decision)


@classifier(EllipticEnvelope)
def elliptic_envelope(pen: Pen, model: EllipticEnvelope, columns: Columns) -> Scores:
    """Ordinary where the squared Mahalanobis distance does not exceed the one that was learned."""
    require_present(pen, model, columns)
    centre = pen.constant(doubles(pen, model.location_).reshape(1, -1).copy(), "centre")
    moved = pen.node("Sub", [columns.name, centre], "moved")
    turned = product(pen, moved, doubles(pen, model.get_precision()))
    squared = row_sum(pen, pen.node("Mul", [turned, moved], "squares"))
    offset = pen.constant(np.full((1, 1), float(model.offset_)), "offset")
    decision = pen.node("Sub", [pen.node("Neg", [squared]), offset], "decision")
    return Scores(_not_negative(pen, decision), None, decision)


@classifier(LocalOutlierFactor)
def local_outlier_factor(pen: Pen, *_: Any) -> Scores:
    """Refused: of equally far training rows, the ones that the search meets first decide.

    Raises:
        ExportError: always.
    """
    raise pen.refusal(
        "LocalOutlierFactor compares densities around the nearest training rows, and which of equally far ones count is"
        " left to the order of the search",
        "IsolationForest or OneClassSVM",
    )


def _not_negative(pen: Pen, decision: str) -> str:
    return pen.cast(pen.node("GreaterOrEqual", [decision, pen.constant(np.zeros((1, 1)), "zero")], "ordinary"))
