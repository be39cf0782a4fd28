"""Metrics of a classification, of its labels and of its probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)


def classification_metrics(truth: ArrayLike, answers: ArrayLike, classes: int | None = None) -> dict[str, float]:
    """Measure the answers of a classification, with scikit-learn's metrics.

    Of two classes the second is the positive class, to which ``precision``, ``recall`` and ``f1`` refer. With more classes
    these are unweighted means over the classes (macro).

    - ``accuracy``: the share of right labels.
    - ``balanced_accuracy``: the mean recall of the classes that occur.
    - ``precision``, ``recall``, ``f1``: 0 if the class was never predicted or never occurs.
    - ``f1_macro``: the mean F1 of the classes that occur.
    - ``roc_auc``: area under the ROC curve; with more than two classes the mean of each class against the rest.
    - ``average_precision``: area under the precision-recall curve as a step function; likewise.
    - ``log_loss``: mean negative natural logarithm of the true class's probability.
    - ``brier``: mean (probability - outcome)² of the positive class (Brier, Verification of forecasts expressed in terms
      of probability, 1950). With more than two classes the squares are added up over the classes, so the maximum is 2.

    Args:
        truth: indices of classes, shape (N,).
        answers: shape (N, 1 + C) with the label's index and the probabilities of C classes; or (N, 1) without these.
        classes: C; required if there are no probabilities.

    Returns:
        The defined metrics: without probabilities the first six; ``roc_auc`` and ``average_precision`` only if every class
        occurs.

    Raises:
        ValueError: the shapes do not fit each other, there are no rows, or a value is not finite or not a class.
    """
    actual = np.asarray(truth, dtype=np.float64)
    predicted = np.asarray(answers, dtype=np.float64)
    if actual.ndim != 1 or predicted.ndim != 2 or len(actual) != len(predicted) or not len(actual):
        raise ValueError(f"expected shapes (N,) and (N, W) with N > 0, got {actual.shape} and {predicted.shape}")
    width = predicted.shape[1] - 1
    count = width or classes or 0
    if count < 2 or (classes is not None and classes != count):
        raise ValueError(f"expected a label and the probabilities of {classes or 'two or more'} classes, got {width}")
    for name, values in (("truth", actual), ("answers", predicted[:, 0])):
        if not np.isin(values, np.arange(count)).all():
            raise ValueError(
                f"expected indices of {count} classes in {name}, got {np.setdiff1d(values, np.arange(count))[0]}"
            )
    if not np.isfinite(predicted).all():
        raise ValueError("expected finite probabilities, got NaN or infinity")
    index, label = actual.astype(np.intp), predicted[:, 0].astype(np.intp)
    present = np.unique(index)
    averaging = {"labels": [1], "average": "macro"} if count == 2 else {"labels": np.arange(count), "average": "macro"}
    metrics = {
        "accuracy": accuracy_score(index, label),
        "balanced_accuracy": recall_score(index, label, labels=present, average="macro", zero_division=0.0),
        "precision": precision_score(index, label, **averaging, zero_division=0.0),
        "recall": recall_score(index, label, **averaging, zero_division=0.0),
        "f1": f1_score(index, label, **averaging, zero_division=0.0),
        "f1_macro": f1_score(index, label, labels=present, average="macro", zero_division=0.0),
    }
    if width:
        # The sum of calibrated probabilities can differ from 1 in the last bits; scikit-learn would warn about it.
        shares = predicted[:, 1:] / predicted[:, 1:].sum(axis=1, keepdims=True)
        labels = np.arange(count)
        metrics["log_loss"] = log_loss(index, shares, labels=labels)
        metrics["brier"] = brier_score_loss(index, shares[:, 1] if count == 2 else shares, labels=labels)
        if len(present) == count:
            outcomes = index[:, np.newaxis] == labels
            class_indices = [1] if count == 2 else list(labels)
            metrics["roc_auc"] = np.mean(
                [
                    roc_auc_score(outcomes[:, class_index], predicted[:, 1 + class_index])
                    for class_index in class_indices
                ]
            )
            metrics["average_precision"] = np.mean(
                [
                    average_precision_score(outcomes[:, class_index], predicted[:, 1 + class_index])
                    for class_index in class_indices
                ]
            )
    return {name: float(value) for name, value in metrics.items()}
