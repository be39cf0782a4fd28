"""category_encoders: encoders that give for each text some numbers, asked of the fitted encoder itself.

``HashingEncoder`` mixes columns and has no converter. The package is optional: nothing is registered where it is not
installed.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec
from typing import Any

from training.export.asked_encoders import encode
from training.export.pen import Pen
from training.export.registry import transformer
from training.export.values import Columns


def known_values(model: Any, name: str) -> Collection[Any] | None:
    """Return the values that a fitted encoder knows of a column, None if it does not tell."""
    inner = getattr(model, "base_n_encoder", model)
    inner = getattr(inner, "ordinal_encoder", inner)
    listed = getattr(inner, "category_mapping", None)
    if isinstance(listed, list):
        return next((list(one["mapping"].index) for one in listed if one["col"] == name), None)
    mapping = getattr(model, "mapping", None)
    return list(mapping[name].index) if isinstance(mapping, dict) and name in mapping else None


def encoder(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Each text becomes what the encoder gives for it."""
    if not model.return_df:
        raise pen.refusal("it gives an array (return_df=False)", "return_df=True")
    if getattr(model, "randomized", bool(getattr(model, "sigma", None))):
        raise pen.refusal("it adds noise", "the encoder without noise (randomized=False, sigma=None)")
    return encode(pen, model, columns, [str(name) for name in model.cols], known_values)


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
