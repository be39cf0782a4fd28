"""Writes ScaledKNNImputer of tabento.transformers.scaled_knn_imputer: imputation by neighbours on standardised columns.

Digits: scaled and imputed as in scikit-learn, converted back only for missing values.
"""

from __future__ import annotations

from tabento.export.converters.preprocessing.scalers import by_constant
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transform, transformer
from tabento.transformers.scaled_knn_imputer import ScaledKNNImputer


@transformer(ScaledKNNImputer)
def scaled_knn_imputer(writer: GraphWriter, model: ScaledKNNImputer, columns: Columns) -> Columns:
    """Write the mean of the nearest donors' values for a missing value; present values are unchanged."""
    writer.require_numbers(columns)
    with writer.step_scope("scaler_"):
        scaled = transform(writer, model.scaler_, columns)
    with writer.step_scope("imputer_"):
        imputed = transform(writer, model.imputer_, scaled)
    back = by_constant(writer, by_constant(writer, imputed, "Mul", model.scaler_.scale_), "Add", model.scaler_.mean_)
    missing = writer.node("IsNaN", [columns.name], "missing")
    return numbers(writer.node("Where", [missing, back.name, columns.name], "imputed"), columns.width)
