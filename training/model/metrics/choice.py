"""The deciding metric, the direction of each metric, and one function that measures either task."""

from __future__ import annotations

from numpy.typing import ArrayLike

from training.config import Metric, ModelConfig, Task
from training.model.metrics.classification import classification_metrics
from training.model.metrics.regression import regression_metrics

HIGHER_IS_BETTER: frozenset[str] = frozenset(
    {
        "r2",
        "within_5",
        "within_10",
        "within_15",
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "f1_macro",
        "roc_auc",
        "average_precision",
    }
)
"""The metrics for which higher is better; for all others lower is better."""
LABEL_METRICS: frozenset[str] = frozenset({"accuracy", "balanced_accuracy", "precision", "recall", "f1", "f1_macro"})
"""The metrics that depend on the label only, so that a decision threshold changes them."""


def measure(config: ModelConfig, truth: ArrayLike, answers: ArrayLike) -> dict[str, float]:
    """Measure the answers of a config's model by ``regression_metrics`` or ``classification_metrics``.

    Args:
        config: the model's config.
        truth: the target as validation gives it, shape (N,): numbers, or indices of classes.
        answers: as ``tabento.parity.pipeline_answers`` gives them, shape (N,) or (N, 1 + C).

    Raises:
        ValueError: see these two functions.
    """
    if config.target.classes is None:
        return regression_metrics(truth, answers)
    return classification_metrics(truth, answers, len(config.target.classes))


def default_metric(task: Task) -> Metric:
    """Return the deciding metric of a config that names none."""
    return "rmse" if task == "regression" else "roc_auc"


def metric_of(config: ModelConfig) -> Metric:
    """Return the deciding metric: ``selection.metric``, or else the default of the task."""
    return config.selection.metric or default_metric(config.task)


def better(metric: str, first: float, second: float) -> bool:
    """Return whether the first value of a metric is better than the second; equal values are not."""
    return first > second if metric in HIGHER_IS_BETTER else first < second
