"""The distance of a classifier's decision to another label. A row is a knife edge only if this distance is near 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, NuSVC

MEMBERS = (VotingClassifier, OneVsOneClassifier)
"""Classifiers whose members vote. A changed vote makes the scores jump, so the margins of the members are used."""


def margin(model: Any, rows: Any) -> float:
    """Return the smallest distance of one row to another label; infinity if the classifier has no scores.

    The distance is the gap between the two largest decision values or probabilities, or of a single value to 0. If members
    or pairs of classes vote, the result is the smallest distance of all voters.

    Args:
        model: the fitted classifier.
        rows: one row in the type of the model's input.
    """
    if isinstance(model, Pipeline):
        for _, step in model.steps[:-1]:
            # A sampler of imbalanced-learn works in fit only.
            rows = step.transform(rows) if hasattr(step, "transform") else rows
        return margin(model.steps[-1][1], rows)
    if hasattr(model, "best_estimator_"):
        return margin(model.best_estimator_, rows)
    if isinstance(model, FixedThresholdClassifier | TunedThresholdClassifierCV):
        return _from_threshold(model, rows)
    if isinstance(model, GaussianProcessClassifier) and len(model.classes_) == 2:
        # The label is the sign of the latent mean; the approximated probabilities are not exactly 1/2 at a mean of 0.
        return float(np.abs(model.latent_mean_and_variance(rows)[0]).min())
    if isinstance(model, SVC | NuSVC) and len(model.classes_) > 2:
        return _pairs(model, rows)
    if isinstance(model, MEMBERS) and getattr(model, "voting", "hard") == "hard":
        return min(margin(member, rows) for member in model.estimators_)
    methods = [method for method in ("decision_function", "predict_proba") if hasattr(model, method)]
    return min(
        (_gap(np.asarray(getattr(model, method)(rows), dtype=np.float64).ravel()) for method in methods), default=np.inf
    )


def _from_threshold(model: Any, rows: Any) -> float:
    """Return the distance of the score to the threshold of the label."""
    threshold = getattr(model, "best_threshold_", None)
    if threshold is None:
        threshold = 0.5 if model.threshold == "auto" else model.threshold
    if hasattr(model.estimator_, "predict_proba"):
        return float(np.abs(model.estimator_.predict_proba(rows)[:, 1] - threshold).min())
    return float(np.abs(model.estimator_.decision_function(rows) - threshold).min())


def _pairs(model: Any, rows: Any) -> float:
    """Return the smallest decision of all pairs of classes; the shape 'ovr' does not contain them."""
    shape = model.decision_function_shape
    try:
        model.decision_function_shape = "ovo"
        return float(np.abs(model.decision_function(rows)).min())
    finally:
        model.decision_function_shape = shape


def _gap(values: Any) -> float:
    if len(values) == 1:
        return abs(float(values[0]))
    top = np.sort(values)[-2:]
    return float(top[1] - top[0])
