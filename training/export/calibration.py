"""Calibration: a classifier's scores bent into probabilities that are met as often as they say.

The scores of all folds lie side by side and are bent at once: ten curves take as many nodes as one.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV

from training.export.isotonic import broken_lines
from training.export.labels import spread
from training.export.links import (
    both_classes,
    both_scores,
    by_probability,
    falling_sigmoid,
)
from training.export.multiclass import has_decision, second_class_score
from training.export.pen import Pen
from training.export.registry import classifier, classify, safe_in_single
from training.export.values import Columns, Scores

TINY = 1e-12
"""What scikit-learn adds to probabilities before it takes their logarithm (``_convert_to_logits``)."""
METHODS = ("isotonic", "sigmoid", "temperature")

safe_in_single(CalibratedClassifierCV)


@classifier(CalibratedClassifierCV)
def calibrated_classifier(pen: Pen, model: CalibratedClassifierCV, columns: Columns) -> Scores:
    """The mean of the calibrated probabilities of each fold's classifier; the most probable class is predicted."""
    folds = model.calibrated_classifiers_
    said = []
    for at, fold in enumerate(folds):
        with pen.at(f"calibrated_classifiers_[{at}]"):
            if fold.method not in METHODS:
                raise pen.refusal(
                    f"nothing is known about the method {fold.method!r}", "method='sigmoid' or method='isotonic'"
                )
            with pen.at("estimator"):
                said.append(_said(pen, fold, classify(pen, fold.estimator, columns)))
    scores = pen.side_by_side(said)
    if folds[0].method == "temperature":
        chances = _cooled(pen, folds, scores)
    elif len(model.classes_) == 2:
        chances = _bent_in_two(pen, folds, scores)
    else:
        chances = _bent(pen, folds, scores)
    total = pen.node("ReduceSum", [chances, _axis(pen, 1)], "total", keepdims=0)
    count = pen.constant(np.full((1, 1), float(len(folds))), "folds")
    return by_probability(pen, pen.node("Div", [total, count], "mean"))


def _axis(pen: Pen, axis: int) -> str:
    return pen.constant(np.array([axis], dtype=np.int64), "axis")


def _said(pen: Pen, fold: Any, scores: Scores) -> str:
    """Return what a fold's classifier says: (N, 1) for two classes, else (N, its classes); logits for a temperature.

    To tell probabilities from decisions scikit-learn looks at a whole batch. A batch of decisions that all happen to lie
    between 0 and 1 and sum up to 1 would be mistaken there; the graph goes by which of the two they are.
    """
    estimator = fold.estimator
    decides, two = has_decision(estimator), len(estimator.classes_) == 2
    said = scores.decision if decides else scores.probabilities
    if two:
        said = second_class_score(pen, estimator, scores)
    if said is None:
        raise pen.refusal(f"the scores of {type(estimator).__name__} are not known", "a classifier with probabilities")
    if fold.method != "temperature":
        return said
    if decides:
        return both_scores(pen, said) if two else said
    chances = both_classes(pen, said) if two else said
    return pen.node("Log", [pen.node("Add", [chances, pen.constant(np.full((1, 1), TINY), "tiny")], "raised")])


def _folded(pen: Pen, value: str, folds: int, classes: int) -> str:
    """Give the folds an axis of their own: (N, folds * classes) becomes (N, folds, classes)."""
    return pen.node("Reshape", [value, pen.constant(np.array([0, folds, classes], dtype=np.int64), "shape")], "folds")


def _curves(pen: Pen, folds: Any, scores: str) -> str:
    """Bend each column by the curve that was fitted for it; (N, curves) stays."""
    curves = list(itertools.chain.from_iterable(fold.calibrators for fold in folds))
    if folds[0].method == "isotonic":
        return broken_lines(pen, curves, scores)
    slopes = pen.constant(np.array([[float(curve.a_) for curve in curves]]), "slopes")
    offsets = pen.constant(np.array([[float(curve.b_) for curve in curves]]), "offsets")
    # scikit-learn's curve falls in a · x + b.
    return falling_sigmoid(pen, pen.node("Add", [pen.node("Mul", [scores, slopes], "scaled"), offsets], "exponent"))


def _bent_in_two(pen: Pen, folds: Any, scores: str) -> str:
    """Return the probabilities of two classes, shape (N, folds, 2): one curve gives the second, the first has its rest."""
    one = pen.constant(np.ones((1, 1)), "one")
    second = _curves(pen, folds, scores)
    both = [pen.node("Sub", [one, second], "rest"), second]
    tall = [pen.node("Unsqueeze", [part, _axis(pen, 2)], "tall") for part in both]
    chances = pen.node("Concat", tall, "chances", axis=2)
    # Rounding may carry a line just above 1. scikit-learn takes that back, once the other class has its rest.
    return pen.node("Min", [chances, one], "capped") if folds[0].method == "isotonic" else chances


def _bent(pen: Pen, folds: Any, scores: str) -> str:
    """Return the probabilities of many classes, shape (N, folds, C): a curve for each, and shares of their sum."""
    count = len(folds[0].classes)
    places: list[int] = []
    for at, fold in enumerate(folds):
        known = np.searchsorted(fold.classes, fold.estimator.classes_)
        if len(fold.calibrators) != len(known):
            raise pen.refusal("a fold has seen two of the classes only", "fewer folds, or stratified ones")
        places.extend(int(place) + at * count for place in known)
    bent = spread(pen, _curves(pen, folds, scores), places, len(folds) * count)
    given = _folded(pen, bent, len(folds), count)
    share = pen.node("Div", [given, pen.node("ReduceSum", [given, _axis(pen, 2)], "total", keepdims=1)], "share")
    # A row without any probability, 0 / 0, is uniform.
    uniform = pen.constant(np.full((1, 1), 1.0 / count), "uniform")
    return pen.node("Where", [pen.node("IsNaN", [share], "empty"), uniform, share], "shares")


def _cooled(pen: Pen, folds: Any, logits: str) -> str:
    """Return the softmax of inverse temperature times logits, shape (N, folds, C)."""
    count = len(folds[0].classes)
    if any(len(fold.estimator.classes_) != count for fold in folds):
        raise pen.refusal("a fold has not seen all classes", "fewer folds, or stratified ones")
    inverse = np.repeat([float(fold.calibrators[0].beta_) for fold in folds], count)
    cooled = pen.node("Mul", [logits, pen.constant(inverse[np.newaxis], "inverse_temperatures")], "cooled")
    return pen.node("Softmax", [_folded(pen, cooled, len(folds), count)], "chances", axis=2)
