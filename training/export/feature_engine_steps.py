"""feature_engine: imputers, encoders and steps that drop or cap columns of a frame, found by their names.

The package is optional: nothing is registered where it is not installed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from importlib.util import find_spec
from typing import Any

import numpy as np

from training.export.arrivals import refuse_missing
from training.export.asked_encoders import encode, require_names
from training.export.pen import Pen
from training.export.registry import transformer
from training.export.values import Codes, Columns, NanCodes, largest_code, missing_is_nan


def known_values(model: Any, name: str) -> Collection[Any] | None:
    """Return the values that a fitted encoder knows of a column."""
    return list(model.encoder_dict_[name]) if name in model.encoder_dict_ else None


def imputer(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Missing → the learned number, or the learned text, which gets a code behind the known ones if it has none."""
    names = require_names(pen, model, columns)
    fill = np.full((1, columns.width), np.nan)
    codes: list[Codes | None] = list(columns.codes)
    for name, value in model.imputer_dict_.items():
        at = names.index(str(name))
        code = columns.codes[at]
        if (code is None) == isinstance(value, str):
            raise pen.refusal(
                f"it puts {value!r} into {name!r}, which travels as {'a number' if code is None else 'a text'}",
                f"`type` of {name!r} as it was when the step was fitted",
            )
        if code is None:
            fill[0, at] = float(value)
            continue
        number = code.get(value, largest_code(code) + 1)
        fill[0, at] = number
        codes[at] = NanCodes({**code, value: number}) if missing_is_nan(code) else {**code, value: number}
    missing = pen.node("IsNaN", [columns.name], "missing")
    value = pen.node("Where", [missing, pen.constant(fill, "statistics"), columns.name], "imputed")
    return dataclasses.replace(columns, name=value, codes=tuple(codes))


def encoder(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Each text becomes what the encoder gives for it."""
    return encode(pen, model, columns, [str(name) for name in model.variables_], known_values)


def drop_features(pen: Pen, model: Any, columns: Columns) -> Columns:
    """The columns without those that are dropped."""
    names = require_names(pen, model, columns)
    dropped = {str(name) for name in model.features_to_drop_}
    return pen.pick(columns, [at for at, name in enumerate(names) if name not in dropped])


def indicator(pen: Pen, model: Any, columns: Columns) -> Columns:
    """The columns, and behind them for each chosen one 1 where it is missing."""
    names = require_names(pen, model, columns)
    chosen = [names.index(str(name)) for name in model.variables_]
    flags = pen.cast(pen.node("IsNaN", [pen.pick(columns, chosen).name], "missing"))
    marks = Columns(flags, (None,) * len(chosen), tuple(f"{names[at]}_na" for at in chosen))
    return pen.join([columns, marks]) if chosen else columns


def winsorizer(pen: Pen, model: Any, columns: Columns) -> Columns:
    """Numbers no larger than the right caps and no smaller than the left ones."""
    names = require_names(pen, model, columns)
    if model.add_indicators:
        raise pen.refusal("it adds indicators (add_indicators=True)", "add_indicators=False")
    if model.missing_values == "raise":
        at = [names.index(str(name)) for name in model.variables_]
        refuse_missing(pen, columns, "Winsorizer(missing_values='raise')", at)
    value = columns.name
    for caps, operator in ((model.right_tail_caps_, "Greater"), (model.left_tail_caps_, "Less")):
        if caps:
            ends = np.array([[float(caps.get(name, np.nan)) for name in names]])
            limit = pen.constant(ends, "caps")
            value = pen.node("Where", [pen.node(operator, [value, limit], "beyond"), limit, value], "capped")
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
