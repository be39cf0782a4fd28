"""Voting: estimators of different kinds side by side, their answers averaged or counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import VotingClassifier, VotingRegressor

from training.export.labels import in_classes, mean, weighed_votes
from training.export.links import by_probability, highest
from training.export.pen import Pen
from training.export.registry import classifier, classify, regress, regressor, safe_in_single
from training.export.values import Columns, Scores

safe_in_single(VotingRegressor, VotingClassifier)


def member_names(model: Any) -> list[str]:
    """Return the names of the members of a voting or stacking ensemble that have not been dropped."""
    return [name for name, member in model.estimators if not (isinstance(member, str) and member == "drop")]


def _average(pen: Pen, values: list[str], weights: NDArray[np.float64] | None) -> str:
    """Return Σ weight · value / Σ weight, as ``numpy.average`` does over the members."""
    if weights is None:
        return mean(pen, values, len(values))
    weighed = [
        pen.node("Mul", [value, pen.constant(np.full((1, 1), weight), "weight")], "weighed")
        for value, weight in zip(values, weights, strict=True)
    ]
    total = weighed[0] if len(weighed) == 1 else pen.node("Sum", weighed, "total")
    return pen.node("Div", [total, pen.constant(np.full((1, 1), weights.sum()), "weights")], "average")


def _weights(model: Any) -> NDArray[np.float64] | None:
    weights = model._weights_not_none
    return None if weights is None else np.asarray(weights, dtype=np.float64)


@regressor(VotingRegressor)
def voting_regressor(pen: Pen, model: VotingRegressor, columns: Columns) -> str:
    """The mean of the members' answers, weighted where there are weights."""
    values = []
    for name, member in zip(member_names(model), model.estimators_, strict=True):
        with pen.at(name):
            values.append(regress(pen, member, columns))
    return _average(pen, values, _weights(model))


@classifier(VotingClassifier)
def voting_classifier(pen: Pen, model: VotingClassifier, columns: Columns) -> Scores:
    """Soft: the mean probabilities. Hard: one weighted vote per member, and no probabilities."""
    answers = []
    for name, member in zip(member_names(model), model.estimators_, strict=True):
        with pen.at(name):
            scores = classify(pen, member, columns)
            if model.voting == "soft" and scores.probabilities is None:
                raise pen.refusal(f"{type(member).__name__} gives no probabilities", "voting='hard'")
            answers.append((member, scores))
    weights = _weights(model)
    if model.voting == "soft":
        chances = [scores.probabilities for _, scores in answers if scores.probabilities is not None]
        return by_probability(pen, _average(pen, chances, weights))
    # Members are fitted on the indices of the classes, so their own classes are indices too.
    count = len(model.classes_)
    labels = [in_classes(pen, scores.label, member.classes_, np.arange(count)) for member, scores in answers]
    won = np.ones(len(labels)) if weights is None else weights
    return Scores(highest(pen, weighed_votes(pen, labels, won, np.zeros(len(labels)), count)))
