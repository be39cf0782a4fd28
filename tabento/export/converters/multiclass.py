"""Writes OneVsRestClassifier and OneVsOneClassifier of sklearn.multiclass.

Digits: the inner classifiers' own; votes and confidences are added as ``_ovr_decision_function`` adds them.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, _ConstantPredictor

from tabento.export.converters.inner_estimators import classify_each
from tabento.export.formulas.class_indices import indicator_scores
from tabento.export.formulas.links import (
    both_probabilities,
    column,
    divide_by_row_sum,
    label_above,
    label_of_largest,
    product,
    second_probability,
)
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, same_in_float32, takes_text

same_in_float32(OneVsRestClassifier, OneVsOneClassifier)
takes_text(OneVsRestClassifier)


def one_against_one(writer: GraphWriter, lost: str, confidence: str, count: int) -> str:
    """Return one decision for each class from one for each pair of classes, as ``_ovr_decision_function`` of scikit-learn does.

    Args:
        writer: the writer of the graph.
        lost: shape (N, pairs), float64: 1 if the second class of a pair has won, else 0.
        confidence: shape (N, pairs): the confidence in the second class.
        count: the number of classes; pairs are (0, 1), (0, 2), …, (1, 2), …

    Returns:
        Shape (N, count): votes, and for equal votes up to a third of a vote by the sum of the confidences.
    """
    pairs = list(itertools.combinations(range(count), 2))
    turn = np.zeros((len(pairs), count))
    firsts = np.zeros((1, count))
    for index, (first, second) in enumerate(pairs):
        turn[index, first], turn[index, second] = -1.0, 1.0
        firsts[0, first] += 1.0
    votes = writer.node("Gemm", [lost, writer.constant(turn, "turn"), writer.constant(firsts, "votes")], "votes")
    total = product(writer, confidence, turn)
    ones, three = writer.constant(np.ones((1, 1)), "one"), writer.constant(np.full((1, 1), 3.0), "three")
    scale = writer.node("Mul", [writer.node("Add", [writer.node("Abs", [total]), ones]), three], "scale")
    return writer.node("Add", [votes, writer.node("Div", [total, scale], "fraction")], "decision")


def has_decision(model: Any) -> bool:
    """Return whether scikit-learn calls a classifier's ``decision_function`` rather than ``predict_proba``."""
    return is_classifier(model) and hasattr(model, "decision_function")


def second_class_score(writer: GraphWriter, model: Any, scores: Scores) -> str:
    """Return the score of the second of two classes, (N, 1): the decision, or else its probability."""
    if has_decision(model):
        if scores.decision is None:
            raise writer.refusal(
                f"the decision of {type(model).__name__} is not known", "a classifier with probabilities"
            )
        return scores.decision
    if scores.probabilities is None:
        raise writer.refusal(f"{type(model).__name__} gives neither decision nor probabilities", "LogisticRegression")
    return second_probability(writer, scores.probabilities)


@classifier(OneVsRestClassifier)
def one_vs_rest(writer: GraphWriter, model: OneVsRestClassifier, columns: Columns) -> Scores:
    """Write one classifier for each class, or one for two classes; the most confident one decides the class."""
    constant = [index for index, estimator in enumerate(model.estimators_) if isinstance(estimator, _ConstantPredictor)]
    if constant:
        raise writer.refusal(
            f"every training row has the same label {constant[0]}, so nothing was fitted for it",
            "labels that some rows have and others have not",
        )
    answers = classify_each(writer, model.estimators_, columns)
    first = model.estimators_[0]
    class_scores = [second_class_score(writer, *pair) for pair in zip(model.estimators_, answers, strict=True)]
    if model.multilabel_:
        positive = label_above(writer, writer.concatenate(class_scores), 0.0 if has_decision(first) else 0.5)
        return indicator_scores(writer, model, positive, len(class_scores))
    chances = [answer.probabilities for answer in answers]
    single = len(class_scores) == 1
    label = (
        label_above(writer, class_scores[0], 0.0 if has_decision(first) else 0.5)
        if single
        else label_of_largest(writer, writer.concatenate(class_scores))
    )
    decision = writer.concatenate(class_scores) if has_decision(first) else None
    if not hasattr(first, "predict_proba") or None in chances:
        return Scores(label, None, decision)
    columns_of = [second_probability(writer, chance) for chance in chances if chance is not None]
    table = both_probabilities(writer, columns_of[0]) if single else writer.concatenate(columns_of)
    return Scores(label, divide_by_row_sum(writer, table, len(model.classes_), otherwise="zero"), decision)


@classifier(OneVsOneClassifier)
def one_vs_one(writer: GraphWriter, model: OneVsOneClassifier, columns: Columns) -> Scores:
    """Write one classifier for each pair of classes: votes, and confidences if votes are equal."""
    if model.pairwise_indices_ is not None:
        raise writer.refusal("its classifiers take precomputed kernels", "a kernel by name")
    answers = classify_each(writer, model.estimators_, columns)
    lost = writer.concatenate([answer.label for answer in answers])
    class_scores = [second_class_score(writer, *pair) for pair in zip(model.estimators_, answers, strict=True)]
    count = len(model.classes_)
    decision = one_against_one(writer, lost, writer.concatenate(class_scores), count)
    if count > 2:
        return Scores(label_of_largest(writer, decision), None, decision)
    only = column(writer, decision, 1)
    return Scores(label_above(writer, only, 0.0 if has_decision(model.estimators_[0]) else 0.5), None, only)
