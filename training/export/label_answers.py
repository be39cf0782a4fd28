"""Pipelines that answer labels: classifiers, and outlier detectors, whose labels are -1 for an outlier and 1 for the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_outlier_detector

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
