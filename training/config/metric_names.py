"""Names and units of the metrics of ``training.model.metrics`` and ``training.model.coverage``, for users."""

from __future__ import annotations

OF_TARGET = "unit"
"""A placeholder for the target's own unit."""
COVERAGE_METRICS = {
    "interval_coverage": ("Coverage of the prediction intervals", ""),
    "interval_width": ("Mean width of the prediction intervals", OF_TARGET),
    "set_coverage": ("Coverage of the prediction sets", ""),
    "set_size": ("Mean number of labels in a prediction set", ""),
}
"""Metrics of models with intervals or sets. ``gate.coverage`` limits them; a limit of ``gate.metrics`` would ignore the number of rows."""
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
    **COVERAGE_METRICS,
}
"""A metric's name and unit by its key, in the order in which they are shown."""


def name_of(key: str) -> str:
    """Return a metric's name for users; the key itself if it has no name."""
    return METRICS.get(key, (key, ""))[0]


def unit_of(key: str, target_unit: str | None) -> str:
    """Return a metric's unit, empty for a pure number."""
    unit = METRICS.get(key, ("", ""))[1]
    return (target_unit or "") if unit == OF_TARGET else unit
