"""Columns of pandas' category type, as LightGBM and XGBoost see them: the places of the categories, missing as NaN."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.export.lookup import Pieces, at_points, look_up
from training.export.pen import Pen
from training.export.registry import safe_in_single, transformer
from training.export.values import Columns, numbers
from training.transformers.category_columns import CategoryColumns

safe_in_single(CategoryColumns)


class PandasCodes(dict[object, float]):
    """Codes of a column of dtype ``category``: each category travels as its place; missing is NaN."""

    def __init__(self, categories: Sequence[Any]) -> None:
        super().__init__({**{value: float(place) for place, value in enumerate(categories)}, math.nan: math.nan})
        self.categories = list(categories)


@transformer(CategoryColumns)
def category_columns(pen: Pen, model: CategoryColumns, columns: Columns) -> Columns:
    """Each code of the contract becomes the place among the fitted categories; what is none of them becomes NaN."""
    names = columns.names or tuple(str(name) for name in model.feature_names_in_)
    parts, codes = [], []
    for at, name in enumerate(names):
        part = pen.pick(columns, [at])
        known = (model.categories or {}).get(name)
        code = columns.codes[at]
        if known is not None:
            if code is None:
                raise pen.refusal(
                    f"column {name!r} was a column of categories when the model was fitted, and the contract sends numbers",
                    f"`type: category` for {name!r}, with its values as texts",
                )
            places = {str(value): float(place) for place, value in enumerate(known)}
            listed = {number: places[str(value)] for value, number in code.items() if str(value) in places}
            unlisted = sorted(set(places) - {str(value) for value in code})
            if unlisted and _may_be_unknown(pen, name):
                raise pen.refusal(
                    f"the model knows the category {unlisted[0]!r} of {name!r}, which the contract does not list",
                    f"`categories` of {name!r} with every category of the training rows, or `unknown: refuse`",
                )
            pieces: Pieces = at_points(list(listed), list(listed.values()), np.nan, np.nan)
            part = numbers(look_up(pen, part.name, [pieces]), 1)
            code = PandasCodes(known)
        parts.append(dataclasses.replace(part, codes=(None,), names=None))
        codes.append(code)
    return dataclasses.replace(pen.join(parts), codes=tuple(codes), names=tuple(names))


def _may_be_unknown(pen: Pen, name: str) -> bool:
    features = [feature for feature in pen.contract.features if feature.name == name]
    return not features or features[0].unknown == "ignore"


def categories_of(columns: Columns) -> dict[int, list[Any]]:
    """Return the categories of each column of dtype ``category``, by its place."""
    return {at: code.categories for at, code in enumerate(columns.codes) if isinstance(code, PandasCodes)}


def as_places(columns: Columns) -> Columns:
    """Return columns in which those of dtype ``category`` are numbers: their places."""
    codes = tuple(None if isinstance(code, PandasCodes) else code for code in columns.codes)
    return dataclasses.replace(columns, codes=codes)
