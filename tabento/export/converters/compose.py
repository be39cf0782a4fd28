"""Writes ColumnTransformer and TransformedTargetRegressor of sklearn.compose.

Digits: the steps' own; the inverse of a target's transformation computes what NumPy and SciPy compute.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from sklearn.compose import ColumnTransformer, TransformedTargetRegressor

from tabento.export.converters.pipeline import is_passthrough, side_by_side, times_weight
from tabento.export.formulas.functions import INVERSES
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import (
    regress,
    regressor,
    same_in_float32,
    takes_text,
    transform,
    transformer,
)

same_in_float32(ColumnTransformer)
takes_text(ColumnTransformer, TransformedTargetRegressor)


@transformer(ColumnTransformer)
def column_transformer(writer: GraphWriter, model: ColumnTransformer, columns: Columns) -> Columns:
    """Write each transformer on its columns and concatenate the results."""
    weights = model.transformer_weights or {}
    parts = []
    for name, step, selector in model.transformers_:
        if isinstance(step, str) and step == "drop":
            continue
        with writer.step_scope(name):
            positions = _positions(writer, model, name, columns)
            if not positions:
                continue
            # A column that is named without brackets is passed as a series: text vectorizers need that.
            part = dataclasses.replace(writer.pick(columns, positions), series=isinstance(selector, str | int))
            if not is_passthrough(step):
                part = transform(writer, step, part)
            parts.append(times_weight(writer, part, weights.get(name)))
    # If every group is dropped, scikit-learn does not set this attribute.
    return side_by_side(writer, parts, sparse=getattr(model, "sparse_output_", False))


def _positions(writer: GraphWriter, model: ColumnTransformer, name: str, columns: Columns) -> list[int]:
    """Return the positions of the columns that a transformer receives."""
    fitted_names = getattr(model, "feature_names_in_", None)
    requested = list(model._transformer_to_input_indices[name])
    if fitted_names is None or columns.names is None:
        if columns.width != model.n_features_in_:
            raise writer.refusal(
                f"it was fitted on {model.n_features_in_} columns and gets {columns.width}",
                "a column transformer over the columns that it was fitted on",
            )
        return requested
    missing = [str(fitted_names[index]) for index in requested if str(fitted_names[index]) not in columns.names]
    if missing:
        raise writer.refusal(
            f"it takes the columns {missing}, which the contract does not have; it has {list(columns.names)}",
            "columns named as in the contract",
        )
    return [columns.names.index(str(fitted_names[index])) for index in requested]


@regressor(TransformedTargetRegressor)
def transformed_target(writer: GraphWriter, model: TransformedTargetRegressor, columns: Columns) -> str:
    """Write the regressor's answer, converted back from the scale of its target."""
    with writer.step_scope("regressor"):
        raw = regress(writer, model.regressor_, columns)
    scale = model.transformer_
    inverse: Callable[[GraphWriter, Any, str], str] | None = INVERSES.get(type(scale))
    if inverse is None:
        raise writer.refusal(
            f"its target goes through {type(scale).__name__}",
            "a function and its inverse, or StandardScaler",
        )
    return inverse(writer, scale, raw)
