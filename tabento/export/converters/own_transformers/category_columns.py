"""Writes CategoryColumns of tabento.transformers.category_columns: columns of pandas' category type for LightGBM and XGBoost.

Digits: each category is its index, a missing one NaN.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tabento.export.formulas.lookup import StepFunction, look_up, step_function_at_points
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import same_in_float32, transformer
from tabento.transformers.category_columns import CategoryColumns

same_in_float32(CategoryColumns)


class PandasCodes(dict[object, float]):
    """Codes of a column of dtype ``category``: the code of a category is its index; missing is NaN."""

    def __init__(self, categories: Sequence[Any]) -> None:
        super().__init__({**{value: float(place) for place, value in enumerate(categories)}, math.nan: math.nan})
        self.categories = list(categories)


@transformer(CategoryColumns)
def category_columns(writer: GraphWriter, model: CategoryColumns, columns: Columns) -> Columns:
    """Write the index among the fitted categories for each code of the contract; any other value becomes NaN."""
    names = columns.names or tuple(str(name) for name in model.feature_names_in_)
    parts, codes = [], []
    for index, name in enumerate(names):
        part = writer.pick(columns, [index])
        categories = (model.categories or {}).get(name)
        code = columns.codes[index]
        if categories is not None:
            if code is None:
                raise writer.refusal(
                    f"column {name!r} was a column of categories when the model was fitted, and the contract sends numbers",
                    f"`type: category` for {name!r}, with its values as texts",
                )
            place_of_category = {str(value): float(place) for place, value in enumerate(categories)}
            listed = {
                number: place_of_category[str(value)]
                for value, number in code.items()
                if str(value) in place_of_category
            }
            unlisted = sorted(set(place_of_category) - {str(value) for value in code})
            if unlisted and _may_be_unknown(writer, name):
                raise writer.refusal(
                    f"the model knows the category {unlisted[0]!r} of {name!r}, which the contract does not list",
                    f"`categories` of {name!r} with every category of the training rows, or `unknown: refuse`",
                )
            pieces: StepFunction = step_function_at_points(list(listed), list(listed.values()), np.nan, np.nan)
            part = numbers(look_up(writer, part.name, [pieces]), 1)
            code = PandasCodes(categories)
        parts.append(dataclasses.replace(part, codes=(None,), names=None))
        codes.append(code)
    return dataclasses.replace(writer.join(parts), codes=tuple(codes), names=tuple(names))


def _may_be_unknown(writer: GraphWriter, name: str) -> bool:
    features = [feature for feature in writer.contract.features if feature.name == name]
    return not features or features[0].unknown == "ignore"


def categories_of(columns: Columns) -> dict[int, list[Any]]:
    """Return the categories of each column of dtype ``category``, by its index."""
    return {index: code.categories for index, code in enumerate(columns.codes) if isinstance(code, PandasCodes)}


def as_places(columns: Columns) -> Columns:
    """Return columns whose categories of dtype ``category`` are plain numbers: their indices."""
    codes = tuple(None if isinstance(code, PandasCodes) else code for code in columns.codes)
    return dataclasses.replace(columns, codes=codes)
