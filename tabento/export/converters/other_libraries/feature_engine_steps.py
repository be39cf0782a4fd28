"""Writes imputers, encoders and steps of feature_engine that drop or cap columns of a frame, by their names.

Digits: constants of the fitted steps. The package is optional: nothing is registered if it is not installed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from importlib.util import find_spec
from typing import Any

import numpy as np

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.converters.other_libraries.encoder_tables import encode, require_names
from tabento.export.graph.values import Codes, Columns, NanCodes, largest_code, missing_is_nan
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer


def known_values(model: Any, name: str) -> Collection[Any] | None:
    """Return the values that a fitted encoder knows of a column."""
    return list(model.encoder_dict_[name]) if name in model.encoder_dict_ else None


def imputer(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Write the learned number or text for a missing value; a text without a code gets a new one."""
    names = require_names(writer, model, columns)
    fill = np.full((1, columns.width), np.nan)
    codes: list[Codes | None] = list(columns.codes)
    for name, value in model.imputer_dict_.items():
        index = names.index(str(name))
        code = columns.codes[index]
        if (code is None) == isinstance(value, str):
            raise writer.refusal(
                f"it puts {value!r} into {name!r}, which travels as {'a number' if code is None else 'a text'}",
                f"`type` of {name!r} as it was when the step was fitted",
            )
        if code is None:
            fill[0, index] = float(value)
            continue
        number = code.get(value, largest_code(code) + 1)
        fill[0, index] = number
        codes[index] = NanCodes({**code, value: number}) if missing_is_nan(code) else {**code, value: number}
    missing = writer.node("IsNaN", [columns.name], "missing")
    value = writer.node("Where", [missing, writer.constant(fill, "statistics"), columns.name], "imputed")
    return dataclasses.replace(columns, name=value, codes=tuple(codes))


def encoder(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Write the encoder's numbers for each text."""
    return encode(writer, model, columns, [str(name) for name in model.variables_], known_values)


def drop_features(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Write the columns that are not dropped."""
    names = require_names(writer, model, columns)
    dropped = {str(name) for name in model.features_to_drop_}
    return writer.pick(columns, [index for index, name in enumerate(names) if name not in dropped])


def indicator(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Write the columns, followed by 1 or 0 for each selected one: 1 if it is missing."""
    names = require_names(writer, model, columns)
    indices = [names.index(str(name)) for name in model.variables_]
    flags = writer.cast(writer.node("IsNaN", [writer.pick(columns, indices).name], "missing"))
    marks = Columns(flags, (None,) * len(indices), tuple(f"{names[index]}_na" for index in indices))
    return writer.join([columns, marks]) if indices else columns


def winsorizer(writer: GraphWriter, model: Any, columns: Columns) -> Columns:
    """Write numbers limited by the right and the left caps."""
    names = require_names(writer, model, columns)
    if model.add_indicators:
        raise writer.refusal("it adds indicators (add_indicators=True)", "add_indicators=False")
    if model.missing_values == "raise":
        index = [names.index(str(name)) for name in model.variables_]
        refuse_missing(writer, columns, "Winsorizer(missing_values='raise')", index)
    value = columns.name
    for caps, operator in ((model.right_tail_caps_, "Greater"), (model.left_tail_caps_, "Less")):
        if caps:
            ends = np.array([[float(caps.get(name, np.nan)) for name in names]])
            limit = writer.constant(ends, "caps")
            value = writer.node("Where", [writer.node(operator, [value, limit], "beyond"), limit, value], "capped")
    return dataclasses.replace(columns, name=value)


if find_spec("feature_engine") is not None:
    from feature_engine.encoding import CountFrequencyEncoder, MeanEncoder, OneHotEncoder, OrdinalEncoder
    from feature_engine.imputation import (
        AddMissingIndicator,
        ArbitraryNumberImputer,
        CategoricalImputer,
        EndTailImputer,
        MeanMedianImputer,
    )
    from feature_engine.outliers import Winsorizer
    from feature_engine.selection import DropFeatures

    transformer(ArbitraryNumberImputer, CategoricalImputer, EndTailImputer, MeanMedianImputer)(imputer)
    transformer(CountFrequencyEncoder, MeanEncoder, OneHotEncoder, OrdinalEncoder)(encoder)
    transformer(AddMissingIndicator)(indicator)
    transformer(DropFeatures)(drop_features)
    transformer(Winsorizer)(winsorizer)
