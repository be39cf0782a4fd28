"""Metrics: what a model is worth on rows that it has not seen, in the target's unit, in percent or in probabilities.

They are computed once on the test part, after everything is fitted, and on the folds of a cross-validation before that;
the gate, the cards and the tracking read them.
"""

from training.metrics.bootstrap import bootstrap_intervals, bootstrap_values
from training.metrics.choice import HIGHER_IS_BETTER, LABEL_METRICS, better, default_metric, measure, metric_of
from training.metrics.classification import classification_metrics
from training.metrics.regression import WITHIN_PERCENT, regression_metrics

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
