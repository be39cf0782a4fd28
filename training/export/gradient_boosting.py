"""scikit-learn's gradient boosting: float32 trees whose leaves are scaled by the learning rate, on top of a start.

The start is a constant, or what another estimator says of the row as float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn._loss.link import HalfLogitLink, MultinomialLogit
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from training.export.boosting import POSITIVE, join_stages, scores_of_sums
from training.export.forests import FORESTS, TREES, cart, is_leaf
from training.export.leaves import numbered, reached_by
from training.export.pen import Pen
from training.export.raises import require_finite_singles
from training.export.registry import classifier, classify, regress, regressor, safe_in_single
from training.export.trees import Trees
from training.export.values import Columns, Scores

STARTS = (*TREES, *FORESTS, GradientBoostingRegressor, GradientBoostingClassifier)
"""Estimators that may give the start: they round what they see to float32 themselves, and compute in double."""
CONSTANT = ("prior", "most_frequent", "constant")
"""Strategies of a ``DummyClassifier`` that say the same of every row."""
EPSILON = float(np.finfo(np.float64).eps)
"""How near to 0 and 1 a probability may come before its link is taken: ``_init_raw_predictions`` of scikit-learn."""

safe_in_single(GradientBoostingRegressor, GradientBoostingClassifier)


@regressor(GradientBoostingRegressor)
def gradient_boosting_regressor(pen: Pen, model: GradientBoostingRegressor, columns: Columns) -> str:
    """Start and trees in one sum."""
    return _sums(pen, model, columns)


@classifier(GradientBoostingClassifier)
def gradient_boosting_classifier(pen: Pen, model: GradientBoostingClassifier, columns: Columns) -> Scores:
    """A sum per class. For two classes one sum, whose label is the second class at 0 already (``raw >= 0``)."""
    sums = _sums(pen, model, columns)
    factor = 2.0 if isinstance(model._loss.link, HalfLogitLink) else 1.0
    classes = len(model.classes_)
    return scores_of_sums(pen, sums, classes, ties_to_last=classes == 2, factor=factor)


def _sums(pen: Pen, model: Any, columns: Columns) -> str:
    """Return the sums that ``_raw_predict`` gives: (N, 1) of a regressor, else (N, classes) as `scores_of_sums` takes.

    Raises:
        ExportError: the estimator of the start would compute in float32.
    """
    require_finite_singles(pen, columns, model, takes_missing=False)
    constant = _constant_start(model)
    if constant is not None:
        return pen.trees(columns, _trees(model, constant), model)
    if type(model.init_) not in STARTS:
        raise pen.refusal(
            f"init={type(model.init_).__name__} sees its rows in float32 and computes in it",
            "init=None, init='zero', or a tree or a forest",
        )
    sums = pen.trees(columns, _trees(model, np.zeros(model.n_trees_per_iteration_)), model)
    with pen.at("init"):
        start = _linked(pen, model, columns)
    return pen.node("Add", [start, sums], "sums")


def _constant_start(model: Any) -> NDArray[np.float64] | None:
    """Return what every row starts from, float64 of shape (sums,); None where that depends on the row."""
    start = model.init_
    fixed = isinstance(start, str) or type(start) is DummyRegressor
    if fixed or (type(start) is DummyClassifier and start.strategy in CONSTANT):
        rows = np.zeros((1, model.n_features_in_), dtype=np.float32)
        return np.asarray(model._raw_predict_init(rows)[0], dtype=np.float64)
    return None


def _trees(model: Any, start: NDArray[np.float64]) -> Trees:
    """Return all trees stage by stage; the first one of each sum carries its start."""
    parts = [
        [cart(member.tree_, model.learning_rate * member.tree_.value[:, 0, 0]) for member in stage]
        for stage in model.estimators_
    ]
    for part, constant in zip(parts[0], start, strict=True):
        part.leaves = constant + part.leaves
    return join_stages(parts, len(model.classes_) if isinstance(model, GradientBoostingClassifier) else 1)


def _linked(pen: Pen, model: Any, columns: Columns) -> str:
    """Return the start of each row as the sums count it: an answer, or the link of clipped probabilities."""
    if isinstance(model, GradientBoostingRegressor):
        return regress(pen, model.init_, columns)
    probabilities = classify(pen, model.init_, columns).probabilities
    if probabilities is None:
        raise pen.refusal("it gives no probabilities", "a tree or a forest")
    low, high = pen.constant(np.array(EPSILON), "least"), pen.constant(np.array(1 - EPSILON), "most")
    clipped = pen.node("Clip", [probabilities, low, high], "clipped")
    if isinstance(model._loss.link, MultinomialLogit):
        axis = pen.constant(np.array([1], dtype=np.int64), "axis")
        mean = pen.node("ReduceMean", [pen.node("Log", [clipped]), axis], "mean", keepdims=1)
        return pen.node("Log", [pen.node("Div", [clipped, pen.node("Exp", [mean])], "ratio")], "start")
    second = pen.node("Gather", [clipped, pen.constant(np.array([POSITIVE], dtype=np.int64))], "second", axis=1)
    rest = pen.node("Sub", [pen.constant(np.ones((1, 1)), "one"), second], "rest")
    logit = pen.node("Log", [pen.node("Div", [second, rest], "odds")], "logit")
    # The negative class's sum stays 0.
    scale = np.zeros((1, 2))
    scale[0, POSITIVE] = 0.5 if isinstance(model._loss.link, HalfLogitLink) else 1.0
    return pen.node("Mul", [logit, pen.constant(scale, "scale")], "start")


@reached_by(GradientBoostingRegressor, GradientBoostingClassifier)
def leaves_of_stages(model: Any, X: Any) -> NDArray[np.int64]:
    """The leaf of each tree, stage by stage, shape (N, stages · sums); the start's trees are told by their estimator."""
    # Its trees were fitted on arrays, and would say so of a frame.
    nodes = model.apply(X if sparse.issparse(X) else np.asarray(X)).reshape(X.shape[0], -1)
    members = model.estimators_.ravel()
    return np.stack([numbered(is_leaf(member.tree_), nodes[:, at]) for at, member in enumerate(members)], 1)
