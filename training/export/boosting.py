"""scikit-learn's histogram gradient boosting, and the answers that all boosted classifiers make of their sums.

Its trees compare doubles with double thresholds, so they are taken as they are; for splits on categories see
``training.export.category_splits``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn._loss.link import IdentityLink, LogLink
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from training.export.category_splits import Seen, ask_for_categories, see
from training.export.leaves import reached_by
from training.export.pen import Pen
from training.export.registry import classifier, regressor, safe_in_single
from training.export.trees import Trees, join, tree
from training.export.values import Columns, Scores

POSITIVE = 1
"""The target of a binary classifier's trees: the other one, of the negative class, stays 0."""

safe_in_single(HistGradientBoostingRegressor, HistGradientBoostingClassifier)


@regressor(HistGradientBoostingRegressor)
def hist_gradient_boosting_regressor(pen: Pen, model: HistGradientBoostingRegressor, columns: Columns) -> str:
    """All trees and the baseline as one ensemble, and the exponential behind them for poisson and gamma."""
    link = type(model._loss.link)
    if link not in (IdentityLink, LogLink):
        raise pen.refusal(f"its loss predicts through {link.__name__}", "a loss that scikit-learn knows by name")
    raw = _sums(pen, model, columns)
    return pen.node("Exp", [raw], "exponential") if link is LogLink else raw


@classifier(HistGradientBoostingClassifier)
def hist_gradient_boosting_classifier(pen: Pen, model: HistGradientBoostingClassifier, columns: Columns) -> Scores:
    """All trees and the baseline as one ensemble: a target per class, or for two classes one target beside 0."""
    if not isinstance(model.loss, str):
        raise pen.refusal("its loss is an object of its own", "loss='log_loss'")
    if len(model.classes_) < 2:
        raise pen.refusal("it has seen one class only", "training rows of at least two classes")
    sums = _sums(pen, model, columns)
    return scores_of_sums(pen, sums, len(model.classes_))


def scores_of_sums(pen: Pen, sums: str, classes: int, *, ties_to_last: bool = False, factor: float = 1.0) -> Scores:
    """Return what a boosted classifier answers to the sums of its trees.

    For two classes the sums are 0 and s. Softmax of (0, s) is (1 - expit(s), expit(s)), and the larger of the two says
    on which side of 0 the sum lies, so both kinds of classifiers take the same two nodes.

    Args:
        pen: what writes.
        sums: shape (N, classes).
        classes: how many classes there are.
        ties_to_last: whether the last of equal sums wins: where a binary classifier asks for s >= 0 instead of s > 0.
        factor: what the sums are multiplied with before the probabilities are made of them.
    """
    best = pen.node("ArgMax", [sums], "best", axis=1, keepdims=1, select_last_index=int(ties_to_last))
    scaled = sums if factor == 1.0 else pen.node("Mul", [sums, pen.constant(np.full((1, 1), factor), "factor")])
    decision = sums
    if classes == 2:
        decision = pen.node("Gather", [sums, pen.constant(np.array([POSITIVE], dtype=np.int64))], "decision", axis=1)
    return Scores(pen.cast(best), pen.node("Softmax", [scaled], "probabilities", axis=1), decision)


def _sums(pen: Pen, model: Any, columns: Columns) -> str:
    """Write the trees of a fitted histogram gradient boosting model as one ensemble.

    The first tree of each target carries the baseline, with which scikit-learn starts its sum.

    Args:
        pen: what writes.
        model: the fitted estimator.
        columns: what it sees.

    Returns:
        Shape (N, 1) of a regressor, else (N, classes) as ``scores_of_sums`` takes it.

    Raises:
        ExportError: it has no trees, or its categories are not those of the contract.
    """
    if not model._predictors:
        raise pen.refusal("it has no trees", "max_iter of at least 1")
    seen = see(pen, model, columns)
    parts = [[_tree(predictor, seen) for predictor in iteration] for iteration in model._predictors]
    for part, baseline in zip(parts[0], model._baseline_prediction.ravel(), strict=True):
        part.leaves = baseline + part.leaves
    classes = len(model.classes_) if isinstance(model, HistGradientBoostingClassifier) else 1
    return pen.trees(seen.columns, join_stages(parts, classes), model)


def join_stages(stages: Sequence[Sequence[Trees]], classes: int) -> Trees:
    """Return one ensemble of the trees of all stages: a target per class, the second for two classes, one for none.

    Args:
        stages: for each stage one tree per sum.
        classes: how many classes there are; 1 for a regressor.
    """
    flat = [part for stage in stages for part in stage]
    targets = [POSITIVE] if classes == 2 else list(range(classes))
    return join(flat, None if classes == 1 else targets * len(stages), classes)


def _tree(predictor: Any, seen: Seen) -> Trees:
    """Return one tree, of scikit-learn's ``PREDICTOR_RECORD_DTYPE``."""
    nodes = predictor.nodes.copy()
    modes, members = ask_for_categories(nodes, predictor.raw_left_cat_bitsets, seen.categories)
    return tree(
        nodes["is_leaf"].astype(bool),
        seen.original[nodes["feature_idx"]],
        nodes["num_threshold"],
        nodes["missing_go_to_left"],
        nodes["left"],
        nodes["right"],
        nodes["value"],
        modes if members else None,
        members,
    )


@reached_by(HistGradientBoostingRegressor, HistGradientBoostingClassifier)
def leaves_of_iterations(model: Any, X: Any) -> NDArray[np.int64]:
    """The leaf of each tree, iteration by iteration, shape (N, iterations · sums).

    Its trees tell values only, so they are asked with the number of each leaf as its value.
    """
    rows = model._preprocess_X(X, reset=False)
    known, row_of = model._bin_mapper.make_known_categories_bitsets()
    reached = []
    for predictor in (predictor for iteration in model._predictors for predictor in iteration):
        nodes = predictor.nodes.copy()
        nodes["value"] = np.cumsum(nodes["is_leaf"]) - 1.0
        asked = TreePredictor(nodes, predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets)
        reached.append(asked.predict(rows, known, row_of, n_threads=1))
    return np.stack(reached, 1).astype(np.int64)
