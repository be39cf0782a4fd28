"""Writes GradientBoostingRegressor and GradientBoostingClassifier of sklearn.ensemble.

The sum of the trees starts from a constant, or from the answer of another estimator to the row as float32.

Digits: leaves times the learning rate, added in double tree after tree; a row is rounded to float32 by the thresholds
(``float32_splits``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn._loss.link import HalfLogitLink, MultinomialLogit
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from tabento.export.analysis.raised_errors import require_float32_range
from tabento.export.converters.ensemble.forest import FORESTS
from tabento.export.converters.ensemble.hist_gradient_boosting import POSITIVE, join_stages, scores_of_sums
from tabento.export.converters.tree import TREES, cart, leaf_mask
from tabento.export.graph.trees import Trees
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.leaves import leaf_numbers, reads_leaves
from tabento.export.registry import classifier, classify, regress, regressor, same_in_float32

STARTS = (*TREES, *FORESTS, GradientBoostingRegressor, GradientBoostingClassifier)
"""Estimators that may give the start: they round their inputs to float32 themselves, and compute in double."""
CONSTANT = ("prior", "most_frequent", "constant")
"""Strategies of a ``DummyClassifier`` with the same answer for every row."""
EPSILON = float(np.finfo(np.float64).eps)
"""The smallest distance of a probability from 0 and 1 before its link is computed: ``_init_raw_predictions`` of scikit-learn."""

same_in_float32(GradientBoostingRegressor, GradientBoostingClassifier)


@regressor(GradientBoostingRegressor)
def gradient_boosting_regressor(writer: GraphWriter, model: GradientBoostingRegressor, columns: Columns) -> str:
    """Write the start and the trees as one sum."""
    return _sums(writer, model, columns)


@classifier(GradientBoostingClassifier)
def gradient_boosting_classifier(writer: GraphWriter, model: GradientBoostingClassifier, columns: Columns) -> Scores:
    """Write one sum for each class; for two classes one sum, whose label is the second class from 0 on (``raw >= 0``)."""
    sums = _sums(writer, model, columns)
    factor = 2.0 if isinstance(model._loss.link, HalfLogitLink) else 1.0
    classes = len(model.classes_)
    return scores_of_sums(writer, sums, classes, ties_to_last=classes == 2, factor=factor)


def _sums(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Return the sums of ``_raw_predict``: (N, 1) for a regressor, else (N, classes) as ``scores_of_sums`` expects.

    Raises:
        ExportError: the estimator of the start would compute in float32.
    """
    require_float32_range(writer, columns, model, takes_missing=False)
    constant = _constant_start(model)
    if constant is not None:
        return writer.trees(columns, _trees(model, constant), model)
    if type(model.init_) not in STARTS:
        raise writer.refusal(
            f"init={type(model.init_).__name__} sees its rows in float32 and computes in it",
            "init=None, init='zero', or a tree or a forest",
        )
    sums = writer.trees(columns, _trees(model, np.zeros(model.n_trees_per_iteration_)), model)
    with writer.step_scope("init"):
        start = _start_values(writer, model, columns)
    return writer.node("Add", [start, sums], "sums")


def _constant_start(model: Any) -> NDArray[np.float64] | None:
    """Return the start of every row, float64 of shape (sums,); None if the start depends on the row."""
    start = model.init_
    fixed = isinstance(start, str) or type(start) is DummyRegressor
    if fixed or (type(start) is DummyClassifier and start.strategy in CONSTANT):
        rows = np.zeros((1, model.n_features_in_), dtype=np.float32)
        return np.asarray(model._raw_predict_init(rows)[0], dtype=np.float64)
    return None


def _trees(model: Any, start: NDArray[np.float64]) -> Trees:
    """Return all trees stage by stage; the first tree of each sum contains its start."""
    parts = [
        [cart(member.tree_, model.learning_rate * member.tree_.value[:, 0, 0]) for member in stage]
        for stage in model.estimators_
    ]
    for part, constant in zip(parts[0], start, strict=True):
        part.leaves = constant + part.leaves
    return join_stages(parts, len(model.classes_) if isinstance(model, GradientBoostingClassifier) else 1)


def _start_values(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Return the start of each row on the scale of the sums: a prediction, or the link of clipped probabilities."""
    if isinstance(model, GradientBoostingRegressor):
        return regress(writer, model.init_, columns)
    probabilities = classify(writer, model.init_, columns).probabilities
    if probabilities is None:
        raise writer.refusal("it gives no probabilities", "a tree or a forest")
    low, high = writer.constant(np.array(EPSILON), "least"), writer.constant(np.array(1 - EPSILON), "most")
    clipped = writer.node("Clip", [probabilities, low, high], "clipped")
    if isinstance(model._loss.link, MultinomialLogit):
        axis = writer.constant(np.array([1], dtype=np.int64), "axis")
        mean = writer.node("ReduceMean", [writer.node("Log", [clipped]), axis], "mean", keepdims=1)
        return writer.node("Log", [writer.node("Div", [clipped, writer.node("Exp", [mean])], "ratio")], "start")
    second = writer.node("Gather", [clipped, writer.constant(np.array([POSITIVE], dtype=np.int64))], "second", axis=1)
    rest = writer.node("Sub", [writer.constant(np.ones((1, 1)), "one"), second], "rest")
    logit = writer.node("Log", [writer.node("Div", [second, rest], "odds")], "logit")
    # The negative class's sum stays 0.
    scale = np.zeros((1, 2))
    scale[0, POSITIVE] = 0.5 if isinstance(model._loss.link, HalfLogitLink) else 1.0
    return writer.node("Mul", [logit, writer.constant(scale, "scale")], "start")


@reads_leaves(GradientBoostingRegressor, GradientBoostingClassifier)
def leaves_of_stages(model: Any, X: Any) -> NDArray[np.int64]:
    """Return the leaf of each tree, stage by stage, shape (N, stages · sums); the trees of the start belong to their own estimator."""
    # Its trees were fitted on arrays and would warn about a frame.
    nodes = model.apply(X if sparse.issparse(X) else np.asarray(X)).reshape(X.shape[0], -1)
    members = model.estimators_.ravel()
    return np.stack([leaf_numbers(leaf_mask(member.tree_), nodes[:, index]) for index, member in enumerate(members)], 1)
