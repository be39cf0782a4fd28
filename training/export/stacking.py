"""Stacking: what estimators answer becomes the columns of a last one."""

from __future__ import annotations

import dataclasses
from typing import Any

from sklearn.base import is_classifier
from sklearn.ensemble import StackingClassifier, StackingRegressor

from training.export.labels import label_values
from training.export.links import second_of
from training.export.pen import Pen
from training.export.registry import classifier, classify, regress, regressor, safe_in_single
from training.export.sums import refuse_votes
from training.export.values import Columns, Scores, numbers
from training.export.voting import member_names

safe_in_single(StackingRegressor, StackingClassifier)


def _stacked(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Return the members' answers side by side, the columns themselves behind them where they pass through."""
    parts = []
    members = zip(member_names(model), model.estimators_, model.stack_method_, model._n_feature_outs, strict=True)
    for name, member, method, width in members:
        with pen.at(name):
            value = _answer(pen, model, member, method, columns)
        pen.graph.widths[value] = width
        if method == "predict_proba":
            pen.graph.bounds.update({(value, at): (0.0, 1.0) for at in range(width)})
        parts.append(numbers(value, width))
    if model.passthrough:
        pen.require_numbers(columns)
        parts.append(dataclasses.replace(columns, names=None, single=False))
    stacked = pen.join(parts)
    return dataclasses.replace(stacked, by_column=stacked.sparse and columns.by_column)


def _answer(pen: Pen, model: Any, member: Any, method: str, columns: Columns) -> str:
    """Return what a member's method gives; of two probabilities only the second is kept."""
    if not is_classifier(member):
        return regress(pen, member, columns)
    scores = classify(pen, member, columns)
    if method == "predict":
        refuse_votes(pen, member, "stack_method='auto'")
        return label_values(pen, scores.label, member.classes_)
    if method == "decision_function" and scores.decision is not None:
        return scores.decision
    if method == "predict_proba" and scores.probabilities is not None:
        return second_of(pen, scores.probabilities) if len(model.classes_) == 2 else scores.probabilities
    raise pen.refusal(f"the {method} of {type(member).__name__} is not known", "stack_method='predict'")


@regressor(StackingRegressor)
def stacking_regressor(pen: Pen, model: StackingRegressor, columns: Columns) -> str:
    """The last regressor's answer to the others' answers."""
    stacked = _stacked(pen, model, columns)
    with pen.at("final_estimator"):
        return regress(pen, model.final_estimator_, stacked)


@classifier(StackingClassifier)
def stacking_classifier(pen: Pen, model: StackingClassifier, columns: Columns) -> Scores:
    """The last classifier's answer to the others' answers."""
    if isinstance(model._label_encoder, list):
        raise pen.refusal("it gives several labels a row", "one classifier per label")
    stacked = _stacked(pen, model, columns)
    with pen.at("final_estimator"):
        return classify(pen, model.final_estimator_, stacked)
