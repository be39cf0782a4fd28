"""Labels of pipelines: of classifiers, and of outlier detectors, whose labels are -1 for an outlier and 1 for an inlier."""

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
"""The labels that ``predict`` of a scikit-learn outlier detector returns: outlier, inlier."""


def answers_labels(pipeline: Any) -> bool:
    """Return whether ``predict`` returns labels: the pipeline is a classifier or an outlier detector."""
    return bool(is_classifier(pipeline) or is_outlier_detector(pipeline))


def classes_of(pipeline: Any) -> Any:
    """Return the labels of a pipeline in the order of the graph's class indices.

    Args:
        pipeline: a fitted pipeline for which ``answers_labels`` is true.

    Returns:
        A classifier's ``classes_``, or None if it has no such attribute; (-1, 1) for an outlier detector, int64 of shape (2,).
    """
    if is_classifier(pipeline):
        return getattr(pipeline, "classes_", None)
    classes: NDArray[np.int64] = np.array(OUTLIER_CLASSES, dtype=np.int64)
    return classes


def label_sets_of(pipeline: Any) -> list[Any] | None:
    """Return the possible labels for each label column of ``predict``.

    Args:
        pipeline: a fitted pipeline for which ``answers_labels`` is true.

    Returns:
        One array of labels per column of ``predict``, or None if they are not known.
    """
    last = _last_step(pipeline)
    if isinstance(last, ClassifierChain):
        # Its ``classes_`` are in the order of the chain.
        return [last.estimators_[index].classes_ for index in np.argsort(last.order_)]
    classes = classes_of(pipeline)
    if classes is None:
        return None
    if answers_indicators(last):
        return [np.array([0, 1])] * len(classes)
    if isinstance(classes, list):
        return classes
    return [classes] if getattr(classes, "ndim", 1) == 1 else None


def answers_indicators(model: Any) -> bool:
    """Return whether a classifier was fitted on a matrix of 0 and 1 and predicts such a row, with one column per class."""
    if isinstance(model, OneVsRestClassifier):
        return bool(model.multilabel_)
    if isinstance(model, MLPClassifier | RidgeClassifier | RidgeClassifierCV):
        binarizer = getattr(model, "_label_binarizer", None)
        return binarizer is not None and str(binarizer.y_type_).startswith("multilabel")
    return False


def _last_step(model: Any) -> Any:
    """Return the last estimator inside of pipelines, searches and frozen estimators."""
    while True:
        if isinstance(model, Pipeline):
            model = model.steps[-1][1]
        elif isinstance(model, FrozenEstimator):
            model = model.estimator
        elif getattr(model, "best_estimator_", None) is not None:
            model = model.best_estimator_
        else:
            return model
