"""How far a classifier's decision is from another label: what has to be near 0 before a row counts as a knife edge."""

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
"""Classifiers whose members vote: a vote that turns makes the scores jump, so the members' own decisions count."""


def margin(model: Any, rows: Any) -> float:
    """Return the smallest distance of one row to another label; infinity if the classifier does not tell.

    It is the gap between the two largest decision values or probabilities, or the distance of a single value from 0. Of
    classifiers that let members or pairs of classes vote, it is the smallest one of all voters.

    Args:
        model: fitted.
        rows: one row, as the model takes it.
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
        # Its label is the sign of the latent mean; its probabilities are an approximation that is not quite 1/2 there.
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
    """Return how far the score is from the threshold at which the label turns."""
    threshold = getattr(model, "best_threshold_", None)
    if threshold is None:
        threshold = 0.5 if model.threshold == "auto" else model.threshold
    if hasattr(model.estimator_, "predict_proba"):
        return float(np.abs(model.estimator_.predict_proba(rows)[:, 1] - threshold).min())
    return float(np.abs(model.estimator_.decision_function(rows) - threshold).min())


def _pairs(model: Any, rows: Any) -> float:
    """Return the smallest decision of all pairs of classes: the shape 'ovr' hides them."""
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
