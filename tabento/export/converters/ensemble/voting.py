"""Writes VotingRegressor and VotingClassifier of sklearn.ensemble: the members' answers averaged or counted.

Digits: weighted answers are added in the members' order, as ``numpy.average`` adds them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import VotingClassifier, VotingRegressor

from tabento.export.formulas.class_indices import index_in_classes, mean, weighted_votes
from tabento.export.formulas.links import label_of_largest, scores_by_probability
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, classify, regress, regressor, same_in_float32, takes_text

same_in_float32(VotingRegressor, VotingClassifier)
takes_text(VotingRegressor, VotingClassifier)


def member_names(model: Any) -> list[str]:
    """Return the names of the members of a voting or stacking ensemble that have not been dropped."""
    return [name for name, member in model.estimators if not (isinstance(member, str) and member == "drop")]


def _average(writer: GraphWriter, values: list[str], weights: NDArray[np.float64] | None) -> str:
    """Return Σ weight · value / Σ weight over the members, as ``numpy.average`` computes it."""
    if weights is None:
        return mean(writer, values, len(values))
    weighed = [
        writer.node("Mul", [value, writer.constant(np.full((1, 1), weight), "weight")], "weighed")
        for value, weight in zip(values, weights, strict=True)
    ]
    total = weighed[0] if len(weighed) == 1 else writer.node("Sum", weighed, "total")
    return writer.node("Div", [total, writer.constant(np.full((1, 1), weights.sum()), "weights")], "average")


def _weights(model: Any) -> NDArray[np.float64] | None:
    weights = model._weights_not_none
    return None if weights is None else np.asarray(weights, dtype=np.float64)


@regressor(VotingRegressor)
def voting_regressor(writer: GraphWriter, model: VotingRegressor, columns: Columns) -> str:
    """Write the mean of the members' answers, weighted if the model has weights."""
    values = []
    for name, member in zip(member_names(model), model.estimators_, strict=True):
        with writer.step_scope(name):
            values.append(regress(writer, member, columns))
    return _average(writer, values, _weights(model))


@classifier(VotingClassifier)
def voting_classifier(writer: GraphWriter, model: VotingClassifier, columns: Columns) -> Scores:
    """Write the mean probabilities for soft voting, or one weighted vote for each member without probabilities for hard voting."""
    answers = []
    for name, member in zip(member_names(model), model.estimators_, strict=True):
        with writer.step_scope(name):
            scores = classify(writer, member, columns)
            if model.voting == "soft" and scores.probabilities is None:
                raise writer.refusal(f"{type(member).__name__} gives no probabilities", "voting='hard'")
            answers.append((member, scores))
    weights = _weights(model)
    if model.voting == "soft":
        chances = [scores.probabilities for _, scores in answers if scores.probabilities is not None]
        return scores_by_probability(writer, _average(writer, chances, weights))
    # Members are fitted on the indices of the classes, so their own classes are indices too.
    count = len(model.classes_)
    labels = [index_in_classes(writer, scores.label, member.classes_, np.arange(count)) for member, scores in answers]
    won = np.ones(len(labels)) if weights is None else weights
    return Scores(label_of_largest(writer, weighted_votes(writer, labels, won, np.zeros(len(labels)), count)))
