"""Figures of an adopted pipeline on its sample. Whether it was fitted on those rows, nobody here can know."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score, roc_auc_score

from bundle.contract import Contract
from training.adoption.errors import AdoptionError
from training.metrics import regression_metrics

ROWS = "sample_rows"
"""Under which key the number of the sample's rows stands beside the metrics."""
CLASSIFICATION = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1_macro": "F1, mean over the classes",
    "roc_auc": "Area under the ROC curve",
    "log_loss": "Log loss",
}
"""How the metrics of a classification are called for people."""


def sample_metrics(contract: Contract, truth: NDArray[np.float64], answers: NDArray[np.float64]) -> dict[str, float]:
    """Measure answers against the truth.

    A regression gets ``training.metrics.regression_metrics``. A classification gets ``accuracy``, ``balanced_accuracy``
    (the mean recall of the classes that occur), ``f1_macro``, and with probabilities ``log_loss`` (natural logarithm)
    and, for two classes that both occur, ``roc_auc``.

    Args:
        contract: which of the two it is.
        truth: numbers or indices of classes, shape (N,).
        answers: the pipeline's, shape (N,) or (N, W).

    Raises:
        AdoptionError: the truth admits no metric, for instance because it is 0 throughout.
    """
    classes = contract.output.classes
    if classes is None:
        try:
            return regression_metrics(truth, answers)
        except ValueError as error:
            raise AdoptionError(f"--target {contract.output.name!r} cannot be measured against: {error}") from error
    labels, all_labels = answers[:, 0], np.arange(len(classes))
    present = np.unique(truth)
    metrics = {
        "accuracy": accuracy_score(truth, labels),
        "balanced_accuracy": recall_score(truth, labels, labels=present, average="macro", zero_division=0.0),
        "f1_macro": f1_score(truth, labels, labels=present, average="macro", zero_division=0.0),
    }
    if contract.output.probabilities:
        probabilities = answers[:, 1:]
        # Calibrated ones may miss a sum of 1 by their last bits, of which scikit-learn would warn.
        total = probabilities.sum(axis=1, keepdims=True)
        metrics["log_loss"] = log_loss(truth, probabilities / total, labels=all_labels)
        if len(classes) == 2 and len(present) == 2:
            metrics["roc_auc"] = roc_auc_score(truth, probabilities[:, 1])
    return {name: float(value) for name, value in metrics.items()}
