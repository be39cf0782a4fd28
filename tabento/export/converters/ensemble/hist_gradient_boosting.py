"""Writes HistGradientBoostingRegressor and HistGradientBoostingClassifier of sklearn.ensemble.

``scores_of_sums`` serves all boosted classifiers. For splits on categories see
``tabento.export.converters.ensemble.category_splits``.

Digits: its trees compare doubles with double thresholds, so the graph has the same thresholds and the same sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn._loss.link import IdentityLink, LogLink
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from tabento.export.converters.ensemble.category_splits import TreeInputs, ask_for_categories, tree_inputs
from tabento.export.graph.tree_parts import join
from tabento.export.graph.trees import Trees, tree
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.leaves import reads_leaves
from tabento.export.registry import classifier, regressor, same_in_float32

POSITIVE = 1
"""The target of a binary classifier's trees; the target of the negative class stays 0."""

same_in_float32(HistGradientBoostingRegressor, HistGradientBoostingClassifier)


@regressor(HistGradientBoostingRegressor)
def hist_gradient_boosting_regressor(
    writer: GraphWriter, model: HistGradientBoostingRegressor, columns: Columns
) -> str:
    """Write all trees and the baseline as one ensemble, and the exponential after it for the losses poisson and gamma."""
    link = type(model._loss.link)
    if link not in (IdentityLink, LogLink):
        raise writer.refusal(f"its loss predicts through {link.__name__}", "a loss that scikit-learn knows by name")
    raw = _sums(writer, model, columns)
    return writer.node("Exp", [raw], "exponential") if link is LogLink else raw


@classifier(HistGradientBoostingClassifier)
def hist_gradient_boosting_classifier(
    writer: GraphWriter, model: HistGradientBoostingClassifier, columns: Columns
) -> Scores:
    """Write all trees and the baseline as one ensemble: one target for each class, or one target next to 0 for two classes."""
    if not isinstance(model.loss, str):
        raise writer.refusal("its loss is an object of its own", "loss='log_loss'")
    if len(model.classes_) < 2:
        raise writer.refusal("it has seen one class only", "training rows of at least two classes")
    sums = _sums(writer, model, columns)
    return scores_of_sums(writer, sums, len(model.classes_))


def scores_of_sums(
    writer: GraphWriter, sums: str, classes: int, *, ties_to_last: bool = False, factor: float = 1.0
) -> Scores:
    """Return the answers of a boosted classifier from the sums of its trees.

    For two classes the sums are 0 and s. Softmax of (0, s) is (1 - expit(s), expit(s)), and the larger of the two sums is
    the sign of s, so binary and multiclass models need the same two nodes.

    Args:
        writer: the writer of the graph.
        sums: shape (N, classes).
        classes: the number of classes.
        ties_to_last: whether the last of equal sums wins, as in a binary classifier that tests s >= 0 instead of s > 0.
        factor: the factor of the sums before the softmax.
    """
    best = writer.node("ArgMax", [sums], "best", axis=1, keepdims=1, select_last_index=int(ties_to_last))
    scaled = sums if factor == 1.0 else writer.node("Mul", [sums, writer.constant(np.full((1, 1), factor), "factor")])
    decision = sums
    if classes == 2:
        decision = writer.node(
            "Gather", [sums, writer.constant(np.array([POSITIVE], dtype=np.int64))], "decision", axis=1
        )
    return Scores(writer.cast(best), writer.node("Softmax", [scaled], "probabilities", axis=1), decision)


def _sums(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Write the trees of a fitted histogram gradient boosting model as one ensemble.

    The first tree of each target contains the baseline, with which scikit-learn starts its sum.

    Args:
        writer: the writer of the graph.
        model: the fitted estimator.
        columns: the inputs of the model.

    Returns:
        Shape (N, 1) for a regressor, else (N, classes) as ``scores_of_sums`` expects.

    Raises:
        ExportError: it has no trees, or its categories are not those of the contract.
    """
    if not model._predictors:
        raise writer.refusal("it has no trees", "max_iter of at least 1")
    inputs = tree_inputs(writer, model, columns)
    parts = [[_tree(predictor, inputs) for predictor in iteration] for iteration in model._predictors]
    for part, baseline in zip(parts[0], model._baseline_prediction.ravel(), strict=True):
        part.leaves = baseline + part.leaves
    classes = len(model.classes_) if isinstance(model, HistGradientBoostingClassifier) else 1
    return writer.trees(inputs.columns, join_stages(parts, classes), model)


def join_stages(stages: Sequence[Sequence[Trees]], classes: int) -> Trees:
    """Return one ensemble of the trees of all stages: one target for each class, or the second target only for two classes.

    Args:
        stages: for each stage one tree for each sum.
        classes: the number of classes; 1 for a regressor.
    """
    flat = [part for stage in stages for part in stage]
    targets = [POSITIVE] if classes == 2 else list(range(classes))
    return join(flat, None if classes == 1 else targets * len(stages), classes)


def _tree(predictor: Any, inputs: TreeInputs) -> Trees:
    """Return one tree, of scikit-learn's ``PREDICTOR_RECORD_DTYPE``."""
    nodes = predictor.nodes.copy()
    modes, members = ask_for_categories(nodes, predictor.raw_left_cat_bitsets, inputs.categories)
    return tree(
        nodes["is_leaf"].astype(bool),
        inputs.original[nodes["feature_idx"]],
        nodes["num_threshold"],
        nodes["missing_go_to_left"],
        nodes["left"],
        nodes["right"],
        nodes["value"],
        modes if members else None,
        members,
    )


@reads_leaves(HistGradientBoostingRegressor, HistGradientBoostingClassifier)
def leaves_of_iterations(model: Any, X: Any) -> NDArray[np.int64]:
    """Return the leaf of each tree, iteration by iteration, shape (N, iterations · sums).

    The trees of scikit-learn return values only, so they are evaluated with the number of each leaf as its value.
    """
    rows = model._preprocess_X(X, reset=False)
    known_bits, row_of = model._bin_mapper.make_known_categories_bitsets()
    reached_leaves = []
    for predictor in (predictor for iteration in model._predictors for predictor in iteration):
        nodes = predictor.nodes.copy()
        nodes["value"] = np.cumsum(nodes["is_leaf"]) - 1.0
        leaf_predictor = TreePredictor(nodes, predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets)
        reached_leaves.append(leaf_predictor.predict(rows, known_bits, row_of, n_threads=1))
    return np.stack(reached_leaves, 1).astype(np.int64)
