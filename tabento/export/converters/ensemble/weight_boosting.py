"""Writes AdaBoostClassifier and AdaBoostRegressor of sklearn.ensemble.

Digits: weights are added member after member, as scikit-learn adds them, so decisions and medians are the same doubles.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.converters.ensemble.bagging import mark_votes
from tabento.export.converters.inner_estimators import regress_each
from tabento.export.formulas.class_indices import index_in_classes, weighted_votes
from tabento.export.formulas.links import both_scores, column, label_above, label_of_largest, softmax
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import INT64, GraphWriter
from tabento.export.registry import classifier, classify, regressor, same_in_float32

same_in_float32(AdaBoostClassifier, AdaBoostRegressor)


@classifier(AdaBoostClassifier)
def adaboost_classifier(writer: GraphWriter, model: AdaBoostClassifier, columns: Columns) -> Scores:
    """Write the weighted votes: each member votes for its class and, by 1 / (C - 1), against the others (SAMME)."""
    count = len(model.classes_)
    if count < 2:
        raise writer.refusal("it has seen one class only", "rows of two classes")
    refuse_missing(writer, columns, type(model).__name__)
    columns = dataclasses.replace(columns, names=None)
    labels = []
    for index, member in enumerate(model.estimators_):
        with writer.step_scope(f"estimators_[{index}]"):
            label = classify(writer, member, columns).label
            labels.append(index_in_classes(writer, label, member.classes_, model.classes_))
    weights = np.asarray(model.estimator_weights_, dtype=np.float64)
    used_weights = weights[: len(labels)]
    mark_votes(writer, labels, model.estimators_[0])
    votes = weighted_votes(writer, labels, used_weights, -1 / (count - 1) * used_weights, count)
    votes = writer.node("Div", [votes, writer.constant(np.full((1, 1), weights.sum()), "weights")], "decision")
    if count > 2:
        cooled = writer.node("Div", [votes, writer.constant(np.full((1, 1), count - 1.0), "others")], "cooled")
        return Scores(label_of_largest(writer, votes), softmax(writer, cooled), votes)
    first, second = (column(writer, votes, index) for index in (0, 1))
    decision = writer.node("Sub", [second, first], "decision")
    halves = writer.node("Div", [both_scores(writer, decision), writer.constant(np.full((1, 1), 2.0), "two")], "halves")
    return Scores(label_above(writer, decision), softmax(writer, halves), decision)


@regressor(AdaBoostRegressor)
def adaboost_regressor(writer: GraphWriter, model: AdaBoostRegressor, columns: Columns) -> str:
    """Write the weighted median of the members' answers: the first, in rising order, with half of the weight at or below it."""
    refuse_missing(writer, columns, type(model).__name__)
    columns = dataclasses.replace(columns, names=None)
    values = regress_each(writer, model.estimators_, columns)
    count = len(values)
    if count == 1:
        return values[0]
    size = writer.constant(np.array([count], dtype=np.int64), "members")
    answers, order = writer.nodes("TopK", [writer.concatenate(values), size], 2, axis=1, largest=0, sorted=1)
    weights = writer.constant(np.asarray(model.estimator_weights_, dtype=np.float64), "weights")
    ranked = writer.node("Gather", [weights, order], "ranked", axis=0)
    below = writer.node("CumSum", [ranked, writer.constant(np.array(1, dtype=np.int64), "axis")], "below")
    last = writer.node("Gather", [below, writer.constant(np.array([count - 1], dtype=np.int64), "last")], axis=1)
    half = writer.node("Mul", [last, writer.constant(np.full((1, 1), 0.5), "half")], "half")
    enough = writer.cast(writer.node("GreaterOrEqual", [below, half], "enough"), INT64)
    middle = writer.node("ArgMax", [enough], "median", axis=1, keepdims=1)
    return writer.node("GatherElements", [answers, middle], "answer", axis=1)
