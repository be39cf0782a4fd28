"""Writes encoders of category_encoders: a table of numbers for each text, from the fitted encoder itself.

``HashingEncoder`` mixes columns and has no converter.

Digits: the numbers that the fitted encoder gives. The package is optional: nothing is registered if it is not installed.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec
from typing import Any

from tabento.export.converters.other_libraries.encoder_tables import encode
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer


def known_values(model: Any, name: str) -> Collection[Any] | None:
    """Return the values that a fitted encoder knows of a column, None if it does not list them."""
    inner = getattr(model, "base_n_encoder", model)
    inner = getattr(inner, "ordinal_encoder", inner)
    listed = getattr(inner, "category_mapping", None)
    if isinstance(listed, list):
        return next((list(entry["mapping"].index) for entry in listed if entry["col"] == name), None)
    mapping = getattr(model, "mapping", None)
    return list(mapping[name].index) if isinstance(mapping, dict) and name in mapping else None


def encoder(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Write the encoder's numbers for each text."""
    if not model.return_df:
        raise writer.refusal("it gives an array (return_df=False)", "return_df=True")
    if getattr(model, "randomized", bool(getattr(model, "sigma", None))):
        raise writer.refusal("it adds noise", "the encoder without noise (randomized=False, sigma=None)")
    return encode(writer, model, columns, [str(name) for name in model.cols], known_values)


if find_spec("category_encoders") is not None:
    import category_encoders

    transformer(
        category_encoders.BinaryEncoder,
        category_encoders.CatBoostEncoder,
        category_encoders.CountEncoder,
        category_encoders.JamesSteinEncoder,
        category_encoders.LeaveOneOutEncoder,
        category_encoders.MEstimateEncoder,
        category_encoders.OneHotEncoder,
        category_encoders.OrdinalEncoder,
        category_encoders.TargetEncoder,
        category_encoders.WOEEncoder,
    )(encoder)
