"""Writes StackingRegressor and StackingClassifier of sklearn.ensemble: members' answers are the columns of a last estimator.

Digits: the members' and the last estimator's own.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from sklearn.base import is_classifier
from sklearn.ensemble import StackingClassifier, StackingRegressor

from tabento.export.analysis.inexact_sums import refuse_votes
from tabento.export.converters.ensemble.voting import member_names
from tabento.export.formulas.class_indices import label_values
from tabento.export.formulas.links import second_probability
from tabento.export.graph.values import Columns, Scores, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, classify, regress, regressor, same_in_float32, takes_text

same_in_float32(StackingRegressor, StackingClassifier)
takes_text(StackingRegressor, StackingClassifier)


def _member_answers(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Return the members' answers as adjacent columns, followed by the inputs if they pass through."""
    parts = []
    members = zip(member_names(model), model.estimators_, model.stack_method_, model._n_feature_outs, strict=True)
    for name, member, method, width in members:
        with writer.step_scope(name):
            value = _answer(writer, model, member, method, columns)
        writer.graph.widths[value] = width
        if method == "predict_proba":
            writer.graph.bounds.update({(value, index): (0.0, 1.0) for index in range(width)})
        parts.append(numbers(value, width))
    if model.passthrough:
        writer.require_numbers(columns)
        parts.append(dataclasses.replace(columns, names=None, is_float32=False))
    stacked = writer.join(parts)
    return dataclasses.replace(stacked, by_column=stacked.sparse and columns.by_column)


def _answer(writer: GraphWriter, model: Any, member: Any, method: str, columns: Columns) -> str:
    """Return the output of a member's method; of two probabilities only the second is kept."""
    if not is_classifier(member):
        return regress(writer, member, columns)
    scores = classify(writer, member, columns)
    if method == "predict":
        refuse_votes(writer, member, "stack_method='auto'")
        return label_values(writer, scores.label, member.classes_)
    if method == "decision_function" and scores.decision is not None:
        return scores.decision
    if method == "predict_proba" and scores.probabilities is not None:
        return second_probability(writer, scores.probabilities) if len(model.classes_) == 2 else scores.probabilities
    raise writer.refusal(f"the {method} of {type(member).__name__} is not known", "stack_method='predict'")


@regressor(StackingRegressor)
def stacking_regressor(writer: GraphWriter, model: StackingRegressor, columns: Columns) -> str:
    """Write the last regressor's answer to the members' answers."""
    stacked = _member_answers(writer, model, columns)
    with writer.step_scope("final_estimator"):
        return regress(writer, model.final_estimator_, stacked)


@classifier(StackingClassifier)
def stacking_classifier(writer: GraphWriter, model: StackingClassifier, columns: Columns) -> Scores:
    """Write the last classifier's answer to the members' answers."""
    if isinstance(model._label_encoder, list):
        raise writer.refusal("it gives several labels a row", "one classifier per label")
    stacked = _member_answers(writer, model, columns)
    with writer.step_scope("final_estimator"):
        return classify(writer, model.final_estimator_, stacked)
