"""How the metrics of ``training.metrics`` are called for people, and in which unit they are."""

from __future__ import annotations

OF_TARGET = "unit"
"""Stands for the target's own unit."""
METRICS: dict[str, tuple[str, str]] = {
    "rmse": ("RMSE", OF_TARGET),
    "mae": ("MAE", OF_TARGET),
    "r2": ("R²", ""),
    "mape": ("MAPE", "%"),
    "median_ape": ("Median APE", "%"),
    "smape": ("sMAPE", "%"),
    "wmape": ("wMAPE", "%"),
    "within_5": ("Within 5% of the truth", "%"),
    "within_10": ("Within 10% of the truth", "%"),
    "within_15": ("Within 15% of the truth", "%"),
    "zero_targets": ("Rows whose truth is 0", "rows"),
    "roc_auc": ("Area under the ROC curve", ""),
    "average_precision": ("Average precision", ""),
    "accuracy": ("Accuracy", ""),
    "balanced_accuracy": ("Balanced accuracy", ""),
    "precision": ("Precision", ""),
    "recall": ("Recall", ""),
    "f1": ("F1", ""),
    "f1_macro": ("F1, mean over the classes", ""),
    "log_loss": ("Log loss", ""),
    "brier": ("Brier score", ""),
}
"""A metric's name and unit by its key, in the order in which people are told."""


def name_of(key: str) -> str:
    """Return a metric's name for people; a key that nobody named stands for itself."""
    return METRICS.get(key, (key, ""))[0]


def unit_of(key: str, target_unit: str | None) -> str:
    """Return a metric's unit, empty for a pure number."""
    unit = METRICS.get(key, ("", ""))[1]
    return (target_unit or "") if unit == OF_TARGET else unit
