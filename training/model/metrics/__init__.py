"""Metrics: the quality of a model on rows that it has not seen, in the target's unit, in percent or in probabilities.

They are computed on the folds of cross-validations, and once on the test part after everything is fitted. The gate, the
cards and the tracking read them.
"""

from training.model.metrics.bootstrap import bootstrap_intervals, bootstrap_values
from training.model.metrics.choice import HIGHER_IS_BETTER, LABEL_METRICS, better, default_metric, measure, metric_of
from training.model.metrics.classification import classification_metrics
from training.model.metrics.regression import WITHIN_PERCENT, regression_metrics

__all__ = [
    "HIGHER_IS_BETTER",
    "LABEL_METRICS",
    "WITHIN_PERCENT",
    "better",
    "bootstrap_intervals",
    "bootstrap_values",
    "classification_metrics",
    "default_metric",
    "measure",
    "metric_of",
    "regression_metrics",
]
