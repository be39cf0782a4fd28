"""Imputation by neighbours on standardised columns: scaled, imputed, scaled back where a value was missing."""

from __future__ import annotations

from training.export.pen import Pen
from training.export.registry import transform, transformer
from training.export.scaling import by_constant
from training.export.values import Columns, numbers
from training.transformers.scaled_knn_imputer import ScaledKNNImputer


@transformer(ScaledKNNImputer)
def scaled_knn_imputer(pen: Pen, model: ScaledKNNImputer, columns: Columns) -> Columns:
    """Missing → the mean of the nearest donors' values; what is there stays as it is."""
    pen.require_numbers(columns)
    with pen.at("scaler_"):
        scaled = transform(pen, model.scaler_, columns)
    with pen.at("imputer_"):
        imputed = transform(pen, model.imputer_, scaled)
    back = by_constant(pen, by_constant(pen, imputed, "Mul", model.scaler_.scale_), "Add", model.scaler_.mean_)
    missing = pen.node("IsNaN", [columns.name], "missing")
    return numbers(pen.node("Where", [missing, back.name, columns.name], "imputed"), columns.width)
