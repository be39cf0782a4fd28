"""Estimators around one estimator: searches, frozen ones, thresholds; and one estimator per target."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RANSACRegressor
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV, HalvingRandomSearchCV
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.semi_supervised import SelfTrainingClassifier

from training.export.labels import label_values, several_labels
from training.export.linear import require_present
from training.export.links import column, second_of
from training.export.multiclass import has_decision
from training.export.pen import Pen
from training.export.registry import classifier, classify, regress, regressor, safe_in_single, transform, transformer
from training.export.values import Columns, Scores, numbers

_SEARCHES = (GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV, HalvingRandomSearchCV)

safe_in_single(
    *_SEARCHES,
    FrozenEstimator,
    RANSACRegressor,
    MultiOutputRegressor,
    MultiOutputClassifier,
    RegressorChain,
    ClassifierChain,
    FixedThresholdClassifier,
    SelfTrainingClassifier,
    TunedThresholdClassifierCV,
)


def _best(pen: Pen, search: Any) -> Any:
    """Return the estimator that a search has fitted again on all rows."""
    best = getattr(search, "best_estimator_", None)
    if best is None:
        raise pen.refusal("it kept no estimator (refit=False)", "refit=True")
    return best


@transformer(*_SEARCHES)
def search_transform(pen: Pen, model: Any, columns: Columns) -> Columns:
    """The best transformer found."""
    best = _best(pen, model)
    with pen.at("best_estimator_"):
        return transform(pen, best, columns)


@regressor(*_SEARCHES)
def search_regress(pen: Pen, model: Any, columns: Columns) -> str:
    """The best regressor found."""
    best = _best(pen, model)
    with pen.at("best_estimator_"):
        return regress(pen, best, columns)


@classifier(*_SEARCHES)
def search_classify(pen: Pen, model: Any, columns: Columns) -> Scores:
    """The best classifier found."""
    best = _best(pen, model)
    with pen.at("best_estimator_"):
        return classify(pen, best, columns, several=True)


@transformer(FrozenEstimator)
def frozen_transform(pen: Pen, model: FrozenEstimator, columns: Columns) -> Columns:
    """The transformer inside."""
    with pen.at("estimator"):
        return transform(pen, model.estimator, columns)


@regressor(FrozenEstimator)
def frozen_regress(pen: Pen, model: FrozenEstimator, columns: Columns) -> str:
    """The regressor inside."""
    with pen.at("estimator"):
        return regress(pen, model.estimator, columns)


@classifier(FrozenEstimator)
def frozen_classify(pen: Pen, model: FrozenEstimator, columns: Columns) -> Scores:
    """The classifier inside."""
    with pen.at("estimator"):
        return classify(pen, model.estimator, columns, several=True)


@classifier(SelfTrainingClassifier)
def self_training(pen: Pen, model: SelfTrainingClassifier, columns: Columns) -> Scores:
    """The classifier that was fitted last; it sees an array without names."""
    pen.require_numbers(columns)
    with pen.at("estimator_"):
        return classify(pen, model.estimator_, dataclasses.replace(columns, names=None))


@regressor(RANSACRegressor)
def ransac(pen: Pen, model: RANSACRegressor, columns: Columns) -> str:
    """The regressor that was fitted on the inliers."""
    with pen.at("estimator_"):
        return regress(pen, model.estimator_, columns)


@regressor(MultiOutputRegressor)
def multi_output(pen: Pen, model: MultiOutputRegressor, columns: Columns) -> str:
    """One regressor per target, side by side."""
    parts = []
    for at, estimator in enumerate(model.estimators_):
        with pen.at(f"estimators_[{at}]"):
            parts.append(regress(pen, estimator, columns))
    return pen.side_by_side(parts)


@regressor(RegressorChain)
def regressor_chain(pen: Pen, model: RegressorChain, columns: Columns) -> str:
    """Each regressor sees the columns and what those before it have answered; the answers in the targets' order."""
    require_present(pen, model, columns)
    seen = dataclasses.replace(columns, names=None, single=False)
    answers = []
    for at, estimator in enumerate(model.estimators_):
        with pen.at(f"estimators_[{at}]"):
            answers.append(regress(pen, estimator, seen))
        seen = pen.join([seen, numbers(answers[-1], 1)])
    return pen.side_by_side([answers[at] for at in np.argsort(model.order_)])


@classifier(MultiOutputClassifier)
def multi_output_classifier(pen: Pen, model: MultiOutputClassifier, columns: Columns) -> Scores:
    """One classifier per label, side by side."""
    labels = []
    for at, estimator in enumerate(model.estimators_):
        with pen.at(f"estimators_[{at}]"):
            labels.append(classify(pen, estimator, columns).label)
    return several_labels(pen, labels)


@classifier(ClassifierChain)
def classifier_chain(pen: Pen, model: ClassifierChain, columns: Columns) -> Scores:
    """Each classifier sees the columns and what those before it say of a row; the labels in their own order."""
    require_present(pen, model, columns)
    seen = dataclasses.replace(columns, names=None, single=False)
    labels = []
    for at, estimator in enumerate(model.estimators_):
        with pen.at(f"estimators_[{at}]"):
            scores = classify(pen, estimator, seen)
            labels.append(scores.label)
            if at + 1 < len(model.estimators_):
                seen = pen.join([seen, numbers(_passed_on(pen, model, estimator, scores), 1)])
    return several_labels(pen, [labels[at] for at in np.argsort(model.order_)])


def _passed_on(pen: Pen, chain: ClassifierChain, estimator: Any, scores: Scores) -> str:
    """Return what a classifier of a chain tells those behind it, (N, 1): its label, or what speaks for the second of two.

    Raises:
        ExportError: it tells the logarithm of a probability, or something of more than two classes.
    """
    method = chain.chain_method_
    if method == "predict":
        return label_values(pen, scores.label, estimator.classes_)
    if len(estimator.classes_) == 2 and method == "predict_proba" and scores.probabilities is not None:
        return second_of(pen, scores.probabilities)
    if len(estimator.classes_) == 2 and method == "decision_function" and scores.decision is not None:
        return scores.decision
    raise pen.refusal(
        f"it passes on `{method}` of {len(estimator.classes_)} classes", "chain_method='predict' in the ClassifierChain"
    )


@classifier(FixedThresholdClassifier)
def fixed_threshold(pen: Pen, model: FixedThresholdClassifier, columns: Columns) -> Scores:
    """The classifier inside, its label decided by a threshold of one's own."""
    inner = getattr(model, "estimator_", model.estimator)
    automatic = 0.5 if _asks_probability(model, inner) else 0.0
    threshold = automatic if model.threshold == "auto" else float(model.threshold)
    return _thresholded(pen, model, inner, columns, threshold, model.pos_label)


@classifier(TunedThresholdClassifierCV)
def tuned_threshold(pen: Pen, model: TunedThresholdClassifierCV, columns: Columns) -> Scores:
    """The classifier inside, its label decided by the threshold that was found."""
    positive = model._curve_scorer._get_pos_label()
    return _thresholded(pen, model, model.estimator_, columns, float(model.best_threshold_), positive)


def _asks_probability(model: Any, inner: Any) -> bool:
    """Say whether the threshold is on the probability rather than on the decision."""
    if model.response_method == "auto":
        return hasattr(inner, "predict_proba")
    return bool(model.response_method == "predict_proba")


def _thresholded(pen: Pen, model: Any, inner: Any, columns: Columns, threshold: float, positive: Any) -> Scores:
    with pen.at("estimator"):
        scores = classify(pen, inner, columns)
        place = 1 if positive is None else int(np.flatnonzero(np.asarray(inner.classes_) == positive)[0])
        if _asks_probability(model, inner):
            if scores.probabilities is None:
                raise pen.refusal(
                    f"{type(inner).__name__} gives no probabilities", "response_method='decision_function'"
                )
            score = second_of(pen, scores.probabilities) if place == 1 else column(pen, scores.probabilities, 0)
        elif scores.decision is not None and has_decision(inner):
            score = scores.decision if place == 1 else pen.node("Neg", [scores.decision], "score")
        else:
            raise pen.refusal(f"the decision of {type(inner).__name__} is not known", "response_method='predict_proba'")
    reached = pen.node("GreaterOrEqual", [score, pen.constant(np.full((1, 1), threshold), "threshold")], "reached")
    label = pen.cast(reached if place == 1 else pen.node("Not", [reached]))
    return Scores(label, scores.probabilities, scores.decision)
