"""Writes CalibratedClassifierCV of sklearn.calibration: scores of several folds, each calibrated by a fitted curve.

All folds are calibrated together, as adjacent columns: ten curves take as many nodes as one.

Digits: the scores are the inner classifier's own; an isotonic curve has NumPy's digits, a sigmoid and a softmax differ
from NumPy in the last bits.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV

from tabento.export.converters.isotonic import broken_lines
from tabento.export.converters.multiclass import has_decision, second_class_score
from tabento.export.formulas.class_indices import spread_columns
from tabento.export.formulas.links import (
    both_probabilities,
    both_scores,
    falling_sigmoid,
    scores_by_probability,
)
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier, classify, same_in_float32, takes_text

TINY = 1e-12
"""The addend of scikit-learn before it takes the logarithm of probabilities (``_convert_to_logits``)."""
METHODS = ("isotonic", "sigmoid", "temperature")

same_in_float32(CalibratedClassifierCV)
takes_text(CalibratedClassifierCV)


@classifier(CalibratedClassifierCV)
def calibrated_classifier(writer: GraphWriter, model: CalibratedClassifierCV, columns: Columns) -> Scores:
    """Write the mean of the calibrated probabilities of the folds; the label is the most probable class."""
    folds = model.calibrated_classifiers_
    fold_scores = []
    for index, fold in enumerate(folds):
        with writer.step_scope(f"calibrated_classifiers_[{index}]"):
            if fold.method not in METHODS:
                raise writer.refusal(
                    f"nothing is known about the method {fold.method!r}", "method='sigmoid' or method='isotonic'"
                )
            with writer.step_scope("estimator"):
                fold_scores.append(_fold_score(writer, fold, classify(writer, fold.estimator, columns)))
    scores = writer.concatenate(fold_scores)
    if folds[0].method == "temperature":
        probabilities = _temperature_probabilities(writer, folds, scores)
    elif len(model.classes_) == 2:
        probabilities = _two_class_probabilities(writer, folds, scores)
    else:
        probabilities = _curve_probabilities(writer, folds, scores)
    total = writer.node("ReduceSum", [probabilities, _axis(writer, 1)], "total", keepdims=0)
    count = writer.constant(np.full((1, 1), float(len(folds))), "folds")
    return scores_by_probability(writer, writer.node("Div", [total, count], "mean"))


def _axis(writer: GraphWriter, axis: int) -> str:
    return writer.constant(np.array([axis], dtype=np.int64), "axis")


def _fold_score(writer: GraphWriter, fold: Any, scores: Scores) -> str:
    """Return the score of a fold's classifier: (N, 1) for two classes, else (N, its classes); logits for a temperature.

    scikit-learn looks at a whole batch to decide whether scores are probabilities or decisions. It mistakes a batch of
    decisions if all of them happen to be between 0 and 1 and to sum to 1. The graph knows which of the two the scores are.
    """
    estimator = fold.estimator
    decides, two = has_decision(estimator), len(estimator.classes_) == 2
    score = scores.decision if decides else scores.probabilities
    if two:
        score = second_class_score(writer, estimator, scores)
    if score is None:
        raise writer.refusal(
            f"the scores of {type(estimator).__name__} are not known", "a classifier with probabilities"
        )
    if fold.method != "temperature":
        return score
    if decides:
        return both_scores(writer, score) if two else score
    probabilities = both_probabilities(writer, score) if two else score
    return writer.node(
        "Log", [writer.node("Add", [probabilities, writer.constant(np.full((1, 1), TINY), "tiny")], "raised")]
    )


def _split_by_fold(writer: GraphWriter, value: str, folds: int, classes: int) -> str:
    """Return a value with an axis for the folds: (N, folds * classes) becomes (N, folds, classes)."""
    return writer.node(
        "Reshape", [value, writer.constant(np.array([0, folds, classes], dtype=np.int64), "shape")], "folds"
    )


def _calibrated_columns(writer: GraphWriter, folds: Any, scores: str) -> str:
    """Apply to each column the curve that was fitted for it; the shape (N, curves) stays."""
    curves = list(itertools.chain.from_iterable(fold.calibrators for fold in folds))
    if folds[0].method == "isotonic":
        return broken_lines(writer, curves, scores)
    slopes = writer.constant(np.array([[float(curve.a_) for curve in curves]]), "slopes")
    offsets = writer.constant(np.array([[float(curve.b_) for curve in curves]]), "offsets")
    # scikit-learn's curve is 1 / (1 + exp(a · x + b)), which falls in a · x + b.
    return falling_sigmoid(
        writer, writer.node("Add", [writer.node("Mul", [scores, slopes], "scaled"), offsets], "exponent")
    )


def _two_class_probabilities(writer: GraphWriter, folds: Any, scores: str) -> str:
    """Return the probabilities of two classes, shape (N, folds, 2): the curve's value for the second, its complement for the first."""
    ones = writer.constant(np.ones((1, 1)), "one")
    second = _calibrated_columns(writer, folds, scores)
    columns = [writer.node("Sub", [ones, second], "rest"), second]
    tall = [writer.node("Unsqueeze", [part, _axis(writer, 2)], "tall") for part in columns]
    probabilities = writer.node("Concat", tall, "chances", axis=2)
    # Rounding can give a value just above 1. scikit-learn clips it after it has computed the complement.
    return writer.node("Min", [probabilities, ones], "capped") if folds[0].method == "isotonic" else probabilities


def _curve_probabilities(writer: GraphWriter, folds: Any, scores: str) -> str:
    """Return the probabilities of several classes, shape (N, folds, C): one curve for each class, divided by their sum."""
    count = len(folds[0].classes)
    positions: list[int] = []
    for index, fold in enumerate(folds):
        class_indices = np.searchsorted(fold.classes, fold.estimator.classes_)
        if len(fold.calibrators) != len(class_indices):
            raise writer.refusal("a fold has seen two of the classes only", "fewer folds, or stratified ones")
        positions.extend(int(class_index) + index * count for class_index in class_indices)
    curves = spread_columns(writer, _calibrated_columns(writer, folds, scores), positions, len(folds) * count)
    by_fold = _split_by_fold(writer, curves, len(folds), count)
    share = writer.node(
        "Div", [by_fold, writer.node("ReduceSum", [by_fold, _axis(writer, 2)], "total", keepdims=1)], "share"
    )
    # A row without any probability, 0 / 0, is uniform.
    uniform = writer.constant(np.full((1, 1), 1.0 / count), "uniform")
    return writer.node("Where", [writer.node("IsNaN", [share], "empty"), uniform, share], "shares")


def _temperature_probabilities(writer: GraphWriter, folds: Any, logits: str) -> str:
    """Return the softmax of inverse temperature times logits, shape (N, folds, C)."""
    count = len(folds[0].classes)
    if any(len(fold.estimator.classes_) != count for fold in folds):
        raise writer.refusal("a fold has not seen all classes", "fewer folds, or stratified ones")
    inverse = np.repeat([float(fold.calibrators[0].beta_) for fold in folds], count)
    scaled = writer.node("Mul", [logits, writer.constant(inverse[np.newaxis], "inverse_temperatures")], "cooled")
    return writer.node("Softmax", [_split_by_fold(writer, scaled, len(folds), count)], "chances", axis=2)
