"""Many classes by two: one classifier against the rest, or one for each pair."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, _ConstantPredictor

from training.export.labels import indicated
from training.export.links import above, both_classes, column, highest, product, second_of, shares
from training.export.pen import Pen
from training.export.registry import classifier, classify, safe_in_single
from training.export.values import Columns, Scores

safe_in_single(OneVsRestClassifier, OneVsOneClassifier)


def one_against_one(pen: Pen, lost: str, confidence: str, count: int) -> str:
    """Return one decision per class from one per pair of classes, as ``_ovr_decision_function`` of scikit-learn does.

    Args:
        lost: shape (N, pairs), float64: 1 where a pair's second class has won, else 0.
        confidence: shape (N, pairs): how much speaks for the second class.
        count: how many classes there are; pairs are (0, 1), (0, 2), …, (1, 2), …

    Returns:
        Shape (N, count): votes, and for equal votes a third of a vote by the sum of the confidences.
    """
    pairs = list(itertools.combinations(range(count), 2))
    turn = np.zeros((len(pairs), count))
    firsts = np.zeros((1, count))
    for at, (first, second) in enumerate(pairs):
        turn[at, first], turn[at, second] = -1.0, 1.0
        firsts[0, first] += 1.0
    votes = pen.node("Gemm", [lost, pen.constant(turn, "turn"), pen.constant(firsts, "votes")], "votes")
    total = product(pen, confidence, turn)
    one, three = pen.constant(np.ones((1, 1)), "one"), pen.constant(np.full((1, 1), 3.0), "three")
    scale = pen.node("Mul", [pen.node("Add", [pen.node("Abs", [total]), one]), three], "scale")
    return pen.node("Add", [votes, pen.node("Div", [total, scale], "fraction")], "decision")


def has_decision(model: Any) -> bool:
    """Say whether scikit-learn would ask a classifier for its decision rather than for probabilities."""
    return is_classifier(model) and hasattr(model, "decision_function")


def second_class_score(pen: Pen, model: Any, scores: Scores) -> str:
    """Return what speaks for the second of two classes, (N, 1): the decision, or else its probability."""
    if has_decision(model):
        if scores.decision is None:
            raise pen.refusal(f"the decision of {type(model).__name__} is not known", "a classifier with probabilities")
        return scores.decision
    if scores.probabilities is None:
        raise pen.refusal(f"{type(model).__name__} gives neither decision nor probabilities", "LogisticRegression")
    return second_of(pen, scores.probabilities)


def _each(pen: Pen, model: Any, columns: Columns) -> list[Scores]:
    """Write the classifiers inside."""
    answers = []
    for at, estimator in enumerate(model.estimators_):
        with pen.at(f"estimators_[{at}]"):
            answers.append(classify(pen, estimator, columns))
    return answers


@classifier(OneVsRestClassifier)
def one_vs_rest(pen: Pen, model: OneVsRestClassifier, columns: Columns) -> Scores:
    """One classifier per class, or a single one for two classes; the most confident says the class."""
    constant = [at for at, estimator in enumerate(model.estimators_) if isinstance(estimator, _ConstantPredictor)]
    if constant:
        raise pen.refusal(
            f"every training row has the same label {constant[0]}, so nothing was fitted for it",
            "labels that some rows have and others have not",
        )
    answers = _each(pen, model, columns)
    first = model.estimators_[0]
    said = [second_class_score(pen, *pair) for pair in zip(model.estimators_, answers, strict=True)]
    if model.multilabel_:
        positive = above(pen, pen.side_by_side(said), 0.0 if has_decision(first) else 0.5)
        return indicated(pen, model, positive, len(said))
    chances = [answer.probabilities for answer in answers]
    single = len(said) == 1
    label = above(pen, said[0], 0.0 if has_decision(first) else 0.5) if single else highest(pen, pen.side_by_side(said))
    decision = pen.side_by_side(said) if has_decision(first) else None
    if not hasattr(first, "predict_proba") or None in chances:
        return Scores(label, None, decision)
    columns_of = [second_of(pen, chance) for chance in chances if chance is not None]
    table = both_classes(pen, columns_of[0]) if single else pen.side_by_side(columns_of)
    return Scores(label, shares(pen, table, len(model.classes_), otherwise="zero"), decision)


@classifier(OneVsOneClassifier)
def one_vs_one(pen: Pen, model: OneVsOneClassifier, columns: Columns) -> Scores:
    """One classifier per pair of classes; votes, and confidences where votes are equal."""
    if model.pairwise_indices_ is not None:
        raise pen.refusal("its classifiers take precomputed kernels", "a kernel by name")
    answers = _each(pen, model, columns)
    lost = pen.side_by_side([answer.label for answer in answers])
    said = [second_class_score(pen, *pair) for pair in zip(model.estimators_, answers, strict=True)]
    count = len(model.classes_)
    decision = one_against_one(pen, lost, pen.side_by_side(said), count)
    if count > 2:
        return Scores(highest(pen, decision), None, decision)
    only = column(pen, decision, 1)
    return Scores(above(pen, only, 0.0 if has_decision(model.estimators_[0]) else 0.5), None, only)
