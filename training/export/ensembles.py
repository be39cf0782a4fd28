"""Ensembles of estimators of one kind: bagging and AdaBoost.

Members are added in their order, as scikit-learn does with ``n_jobs=None``; with several jobs it adds the jobs' sums.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor, BaggingClassifier, BaggingRegressor

from training.export.arrivals import refuse_missing
from training.export.labels import in_classes, mean, spread, weighed_votes
from training.export.links import above, both_scores, by_probability, column, highest, softmax
from training.export.pen import INT64, Pen
from training.export.registry import classifier, classify, regress, regressor, safe_in_single
from training.export.values import Columns, Scores

safe_in_single(BaggingRegressor, BaggingClassifier, AdaBoostClassifier, AdaBoostRegressor)


def _positional(pen: Pen, columns: Columns, chosen: Any) -> Columns:
    """Return a member's columns; members see an array, so the columns have lost their names."""
    picked = pen.pick(columns, [int(at) for at in chosen])
    return dataclasses.replace(picked, names=None)


@regressor(BaggingRegressor)
def bagging_regressor(pen: Pen, model: BaggingRegressor, columns: Columns) -> str:
    """The mean of the members' answers, each to its own choice of columns."""
    values = []
    for at, (member, chosen) in enumerate(zip(model.estimators_, model.estimators_features_, strict=True)):
        with pen.at(f"estimators_[{at}]"):
            values.append(regress(pen, member, _positional(pen, columns, chosen)))
    return mean(pen, values, model.n_estimators)


@classifier(BaggingClassifier)
def bagging_classifier(pen: Pen, model: BaggingClassifier, columns: Columns) -> Scores:
    """The mean of the members' probabilities; a member without them votes."""
    count = len(model.classes_)
    chances, decisions = [], []
    for at, (member, chosen) in enumerate(zip(model.estimators_, model.estimators_features_, strict=True)):
        with pen.at(f"estimators_[{at}]"):
            scores = classify(pen, member, _positional(pen, columns, chosen))
            # Members are fitted on indices of the classes; one that has missed a class knows the others only.
            places = [int(place) for place in member.classes_]
            decisions.append(scores.decision if len(places) == count else None)
            if not hasattr(member, "predict_proba"):
                label = in_classes(pen, scores.label, places, np.arange(count))
                named = pen.constant(np.arange(count, dtype=np.float64)[np.newaxis], "classes")
                chances.append(pen.cast(pen.node("Equal", [label, named], "vote")))
            elif scores.probabilities is None:
                raise pen.refusal(f"the probabilities of {type(member).__name__} are not known", "LogisticRegression")
            else:
                chances.append(spread(pen, scores.probabilities, places, count))
    if not hasattr(model.estimators_[0], "predict_proba"):
        _mark_votes(pen, chances, model.estimators_[0])
    answer = by_probability(pen, mean(pen, chances, model.n_estimators))
    known = [decision for decision in decisions if decision is not None]
    if not hasattr(model, "decision_function") or len(known) != len(decisions):
        return answer
    return Scores(answer.label, answer.probabilities, mean(pen, known, model.n_estimators))


def _mark_votes(pen: Pen, votes: Sequence[str], member: Any) -> None:
    """Say of votes that jump with the last bit of a member's decision what casts them; no probability is made of those."""
    pen.graph.voted.update({vote: type(member).__name__ for vote in votes if pen.unsettled_in(vote) is not None})


@classifier(AdaBoostClassifier)
def adaboost_classifier(pen: Pen, model: AdaBoostClassifier, columns: Columns) -> Scores:
    """Each member speaks for the class that it names and, by 1 / (C - 1), against the others (SAMME)."""
    count = len(model.classes_)
    if count < 2:
        raise pen.refusal("it has seen one class only", "rows of two classes")
    refuse_missing(pen, columns, type(model).__name__)
    columns = dataclasses.replace(columns, names=None)
    labels = []
    for at, member in enumerate(model.estimators_):
        with pen.at(f"estimators_[{at}]"):
            label = classify(pen, member, columns).label
            labels.append(in_classes(pen, label, member.classes_, model.classes_))
    weights = np.asarray(model.estimator_weights_, dtype=np.float64)
    given = weights[: len(labels)]
    _mark_votes(pen, labels, model.estimators_[0])
    votes = weighed_votes(pen, labels, given, -1 / (count - 1) * given, count)
    votes = pen.node("Div", [votes, pen.constant(np.full((1, 1), weights.sum()), "weights")], "decision")
    if count > 2:
        cooled = pen.node("Div", [votes, pen.constant(np.full((1, 1), count - 1.0), "others")], "cooled")
        return Scores(highest(pen, votes), softmax(pen, cooled), votes)
    first, second = (column(pen, votes, at) for at in (0, 1))
    decision = pen.node("Sub", [second, first], "decision")
    halves = pen.node("Div", [both_scores(pen, decision), pen.constant(np.full((1, 1), 2.0), "two")], "halves")
    return Scores(above(pen, decision), softmax(pen, halves), decision)


@regressor(AdaBoostRegressor)
def adaboost_regressor(pen: Pen, model: AdaBoostRegressor, columns: Columns) -> str:
    """The weighted median of the members' answers: the first, in rising order, that has half of the weight below it."""
    refuse_missing(pen, columns, type(model).__name__)
    columns = dataclasses.replace(columns, names=None)
    values = []
    for at, member in enumerate(model.estimators_):
        with pen.at(f"estimators_[{at}]"):
            values.append(regress(pen, member, columns))
    count = len(values)
    if count == 1:
        return values[0]
    size = pen.constant(np.array([count], dtype=np.int64), "members")
    answers, order = pen.nodes("TopK", [pen.side_by_side(values), size], 2, axis=1, largest=0, sorted=1)
    weights = pen.constant(np.asarray(model.estimator_weights_, dtype=np.float64), "weights")
    ranked = pen.node("Gather", [weights, order], "ranked", axis=0)
    below = pen.node("CumSum", [ranked, pen.constant(np.array(1, dtype=np.int64), "axis")], "below")
    last = pen.node("Gather", [below, pen.constant(np.array([count - 1], dtype=np.int64), "last")], axis=1)
    half = pen.node("Mul", [last, pen.constant(np.full((1, 1), 0.5), "half")], "half")
    enough = pen.cast(pen.node("GreaterOrEqual", [below, half], "enough"), INT64)
    middle = pen.node("ArgMax", [enough], "median", axis=1, keepdims=1)
    return pen.node("GatherElements", [answers, middle], "answer", axis=1)
