"""Writes BaggingRegressor and BaggingClassifier of sklearn.ensemble: the mean of the members.

Digits: members are added in their order, as scikit-learn does with ``n_jobs=None``; with several jobs it adds the jobs' sums.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import BaggingClassifier, BaggingRegressor

from tabento.export.formulas.class_indices import index_in_classes, mean, spread_columns
from tabento.export.formulas.links import scores_by_probability
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, classify, regress, regressor, same_in_float32

same_in_float32(BaggingRegressor, BaggingClassifier)


@regressor(BaggingRegressor)
def bagging_regressor(writer: GraphWriter, model: BaggingRegressor, columns: Columns) -> str:
    """Write the mean of the members' answers, each on its own columns."""
    values = []
    for index, (member, member_columns) in enumerate(zip(model.estimators_, model.estimators_features_, strict=True)):
        with writer.step_scope(f"estimators_[{index}]"):
            values.append(regress(writer, member, _select_columns(writer, columns, member_columns)))
    return mean(writer, values, model.n_estimators)


@classifier(BaggingClassifier)
def bagging_classifier(writer: GraphWriter, model: BaggingClassifier, columns: Columns) -> Scores:
    """Write the mean of the members' probabilities; a member without probabilities votes."""
    count = len(model.classes_)
    probabilities, decisions = [], []
    for index, (member, member_columns) in enumerate(zip(model.estimators_, model.estimators_features_, strict=True)):
        with writer.step_scope(f"estimators_[{index}]"):
            scores = classify(writer, member, _select_columns(writer, columns, member_columns))
            # Members are fitted on indices of the classes; a member without rows of a class does not know it.
            class_indices = [int(place) for place in member.classes_]
            decisions.append(scores.decision if len(class_indices) == count else None)
            if not hasattr(member, "predict_proba"):
                label = index_in_classes(writer, scores.label, class_indices, np.arange(count))
                named = writer.constant(np.arange(count, dtype=np.float64)[np.newaxis], "classes")
                probabilities.append(writer.cast(writer.node("Equal", [label, named], "vote")))
            elif scores.probabilities is None:
                raise writer.refusal(
                    f"the probabilities of {type(member).__name__} are not known", "LogisticRegression"
                )
            else:
                probabilities.append(spread_columns(writer, scores.probabilities, class_indices, count))
    if not hasattr(model.estimators_[0], "predict_proba"):
        mark_votes(writer, probabilities, model.estimators_[0])
    answer = scores_by_probability(writer, mean(writer, probabilities, model.n_estimators))
    known_decisions = [decision for decision in decisions if decision is not None]
    if not hasattr(model, "decision_function") or len(known_decisions) != len(decisions):
        return answer
    return Scores(answer.label, answer.probabilities, mean(writer, known_decisions, model.n_estimators))


def _select_columns(writer: GraphWriter, columns: Columns, member_columns: Any) -> Columns:
    """Return a member's columns without names, because members receive an array."""
    picked = writer.pick(columns, [int(index) for index in member_columns])
    return dataclasses.replace(picked, names=None)


def mark_votes(writer: GraphWriter, votes: Sequence[str], member: Any) -> None:
    """Record which class of member casts votes that can change with the last bit of a decision; such votes give no probability."""
    writer.graph.voted.update(
        {vote: type(member).__name__ for vote in votes if writer.machine_dependent_source(vote) is not None}
    )
