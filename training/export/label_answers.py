"""Pipelines that answer labels: classifiers, and outlier detectors, whose labels are -1 for an outlier and 1 for the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_outlier_detector
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline

OUTLIER_CLASSES = (-1, 1)
"""What ``predict`` of a scikit-learn outlier detector answers: an outlier, an ordinary row."""


def answers_labels(pipeline: Any) -> bool:
    """Say whether ``predict`` answers labels: the pipeline is a classifier or an outlier detector."""
    return bool(is_classifier(pipeline) or is_outlier_detector(pipeline))


def classes_of(pipeline: Any) -> Any:
    """Return the labels that a pipeline can answer, in the order in which the graph counts them.

    Args:
        pipeline: fitted, one of which ``answers_labels`` is true.

    Returns:
        A classifier's ``classes_`` as they are, None if it has none; (-1, 1) of an outlier detector, int64 of shape (2,).
    """
    if is_classifier(pipeline):
        return getattr(pipeline, "classes_", None)
    classes: NDArray[np.int64] = np.array(OUTLIER_CLASSES, dtype=np.int64)
    return classes


def label_sets_of(pipeline: Any) -> list[Any] | None:
    """Return the labels that a pipeline can answer, for each of the labels that it gives to a row.

    Args:
        pipeline: fitted, one of which ``answers_labels`` is true.

    Returns:
        One array of labels for each, in the order of the columns of ``predict``; None where they are not known.
    """
    last = _last_step(pipeline)
    if isinstance(last, ClassifierChain):
        # Its own ``classes_`` are in the order of the chain.
        return [last.estimators_[at].classes_ for at in np.argsort(last.order_)]
    classes = classes_of(pipeline)
    if classes is None:
        return None
    if answers_indicators(last):
        return [np.array([0, 1])] * len(classes)
    if isinstance(classes, list):
        return classes
    return [classes] if getattr(classes, "ndim", 1) == 1 else None


def answers_indicators(model: Any) -> bool:
    """Say whether a classifier was fitted on a matrix of 0 and 1, and answers such a row, a column for each class."""
    if isinstance(model, OneVsRestClassifier):
        return bool(model.multilabel_)
    if isinstance(model, MLPClassifier | RidgeClassifier | RidgeClassifierCV):
        binarizer = getattr(model, "_label_binarizer", None)
        return binarizer is not None and str(binarizer.y_type_).startswith("multilabel")
    return False


def _last_step(model: Any) -> Any:
    """Return the estimator that answers: behind pipelines, searches and what is frozen."""
    while True:
        if isinstance(model, Pipeline):
            model = model.steps[-1][1]
        elif isinstance(model, FrozenEstimator):
            model = model.estimator
        elif getattr(model, "best_estimator_", None) is not None:
            model = model.best_estimator_
        else:
            return model
