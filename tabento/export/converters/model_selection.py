"""Writes the searches (GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV, HalvingRandomSearchCV) and the threshold
classifiers (FixedThresholdClassifier, TunedThresholdClassifierCV) of sklearn.model_selection.

Digits: the inner estimator's own. A threshold is compared in double, as scikit-learn compares it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.model_selection._search_successive_halving import HalvingGridSearchCV, HalvingRandomSearchCV

from tabento.export.converters.multiclass import has_decision
from tabento.export.formulas.links import column, second_probability
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import (
    classifier,
    classify,
    regress,
    regressor,
    same_in_float32,
    takes_text,
    transform,
    transformer,
)

_SEARCHES = (GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV, HalvingRandomSearchCV)

same_in_float32(*_SEARCHES, FixedThresholdClassifier, TunedThresholdClassifierCV)
takes_text(*_SEARCHES, FixedThresholdClassifier, TunedThresholdClassifierCV)


def _best_estimator(writer: GraphWriter, search: Any) -> Any:
    """Return the estimator that a search has fitted again on all rows."""
    best = getattr(search, "best_estimator_", None)
    if best is None:
        raise writer.refusal("it kept no estimator (refit=False)", "refit=True")
    return best


@transformer(*_SEARCHES)
def search_transform(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Write the best transformer of the search."""
    best = _best_estimator(writer, model)
    with writer.step_scope("best_estimator_"):
        return transform(writer, best, columns)


@regressor(*_SEARCHES)
def search_regress(writer: GraphWriter, model: Any, columns: Columns) -> str:
    """Write the best regressor of the search."""
    best = _best_estimator(writer, model)
    with writer.step_scope("best_estimator_"):
        return regress(writer, best, columns)


@classifier(*_SEARCHES)
def search_classify(writer: GraphWriter, model: Any, columns: Columns) -> Scores:
    """Write the best classifier of the search."""
    best = _best_estimator(writer, model)
    with writer.step_scope("best_estimator_"):
        return classify(writer, best, columns, several=True)


@classifier(FixedThresholdClassifier)
def fixed_threshold(writer: GraphWriter, model: FixedThresholdClassifier, columns: Columns) -> Scores:
    """Write the inner classifier with a label by the configured threshold."""
    inner = getattr(model, "estimator_", model.estimator)
    automatic = 0.5 if _uses_probability(model, inner) else 0.0
    threshold = automatic if model.threshold == "auto" else float(model.threshold)
    return _apply_threshold(writer, model, inner, columns, threshold, model.pos_label)


@classifier(TunedThresholdClassifierCV)
def tuned_threshold(writer: GraphWriter, model: TunedThresholdClassifierCV, columns: Columns) -> Scores:
    """Write the inner classifier with a label by the tuned threshold."""
    positive = model._curve_scorer._get_pos_label()
    return _apply_threshold(writer, model, model.estimator_, columns, float(model.best_threshold_), positive)


def _uses_probability(model: Any, inner: Any) -> bool:
    """Return whether the threshold applies to the probability rather than to the decision."""
    if model.response_method == "auto":
        return hasattr(inner, "predict_proba")
    return bool(model.response_method == "predict_proba")


def _apply_threshold(
    writer: GraphWriter, model: Any, inner: Any, columns: Columns, threshold: float, positive: Any
) -> Scores:
    with writer.step_scope("estimator"):
        scores = classify(writer, inner, columns)
        class_index = 1 if positive is None else int(np.flatnonzero(np.asarray(inner.classes_) == positive)[0])
        if _uses_probability(model, inner):
            if scores.probabilities is None:
                raise writer.refusal(
                    f"{type(inner).__name__} gives no probabilities", "response_method='decision_function'"
                )
            score = (
                second_probability(writer, scores.probabilities)
                if class_index == 1
                else column(writer, scores.probabilities, 0)
            )
        elif scores.decision is not None and has_decision(inner):
            score = scores.decision if class_index == 1 else writer.node("Neg", [scores.decision], "score")
        else:
            raise writer.refusal(
                f"the decision of {type(inner).__name__} is not known", "response_method='predict_proba'"
            )
    is_reached = writer.node(
        "GreaterOrEqual", [score, writer.constant(np.full((1, 1), threshold), "threshold")], "reached"
    )
    label = writer.cast(is_reached if class_index == 1 else writer.node("Not", [is_reached]))
    return Scores(label, scores.probabilities, scores.decision)
