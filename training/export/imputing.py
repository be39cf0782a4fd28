"""Imputation: what stands in where a value is missing, and columns that say where it was.

ONNX Runtime's ``Imputer`` knows float32 only, so an imputation is written as IsNaN and Where.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.impute import MissingIndicator, SimpleImputer

from training.export.arrivals import arrival, refuse_missing
from training.export.pen import Pen
from training.export.registry import transformer
from training.export.values import Codes, Columns, largest_code, missing_is_nan, numbers


@transformer(SimpleImputer)
def simple_imputer(pen: Pen, model: SimpleImputer, columns: Columns) -> Columns:
    """Missing → the learned statistic; a string that the contract does not list gets a code behind the known ones.

    Columns without a statistic are left out, as scikit-learn leaves them out; indicators stand behind the rest.
    """
    statistics = np.asarray(model.statistics_)
    kept = [at for at in range(columns.width) if model.keep_empty_features or not _is_nan(statistics[at])]
    if not kept:
        raise pen.refusal("no column had a value when it was fitted", "columns with at least one value")
    filling = statistics[kept].astype(model._fill_dtype, copy=False)
    part = pen.pick(columns, kept)
    codes, numeric = _filled(pen, part, filling)
    _refuse_unexpected_nan(pen, model, columns)
    marks = _marks(pen, model.missing_values, part)
    if any(mark is not None for mark in marks):
        fill = np.array([np.nan if mark is None else number for mark, number in zip(marks, numeric, strict=True)])
        if all(mark is None or math.isnan(mark) for mark in marks):
            missing = pen.node("IsNaN", [part.name], "missing")
        else:
            sought = np.array([np.nan if mark is None else mark for mark in marks])
            missing = pen.node("Equal", [part.name, pen.constant(sought[np.newaxis], "missing")], "missing")
        value = pen.node("Where", [missing, pen.constant(fill[np.newaxis], "statistics"), part.name], "imputed")
        # A statistic of 0 stays an entry of a sparse matrix.
        part = dataclasses.replace(part, name=value, codes=codes)
    part = dataclasses.replace(part, by_column=part.sparse)
    if model.indicator_ is None:
        return part
    marked = indicators(pen, model.missing_values, columns, model.indicator_.features_)
    joined = pen.join([part, dataclasses.replace(marked, sparse=columns.sparse)])
    return dataclasses.replace(joined, by_column=columns.sparse)


@transformer(MissingIndicator)
def missing_indicator(pen: Pen, model: MissingIndicator, columns: Columns) -> Columns:
    """One column per feature that was missing somewhere in training, or per feature: 1 where it is missing."""
    chosen = model.features_
    _refuse_unexpected_nan(pen, model, columns)
    if model.features == "missing-only" and model.error_on_new:
        others = [at for at in range(columns.width) if at not in set(chosen.tolist())]
        if others and _is_nan(model.missing_values):
            refuse_missing(pen, columns, "error_on_new=True", others)
    if not len(chosen):
        raise pen.refusal("nothing was missing when it was fitted, so it has no columns", "features='all'")
    marked = indicators(pen, model.missing_values, columns, chosen)
    if not columns.sparse:
        return dataclasses.replace(
            marked, sparse=model.sparse is True, stored=marked.name if model.sparse is True else None
        )
    return dataclasses.replace(marked, sparse=model.sparse is not False)


def indicators(pen: Pen, missing_values: Any, columns: Columns, chosen: NDArray[Any]) -> Columns:
    """Return 1 where each of the chosen columns is missing, else 0."""
    if not len(chosen):
        return Columns(columns.name, ())
    part = pen.pick(columns, chosen.tolist())
    marks = _marks(pen, missing_values, part)
    sought = np.array([np.nan if mark is None else mark for mark in marks])
    if all(mark is not None and math.isnan(mark) for mark in marks):
        flags = pen.node("IsNaN", [part.name], "missing")
    elif np.isnan(sought[[mark is not None for mark in marks]]).any():
        never = np.array([mark is not None for mark in marks])
        flags = pen.node("And", [pen.node("IsNaN", [part.name], "missing"), pen.constant(never[np.newaxis], "asked")])
    else:
        flags = pen.node("Equal", [part.name, pen.constant(sought[np.newaxis], "missing")], "missing")
    return numbers(pen.cast(flags), part.width)


def _marks(pen: Pen, missing_values: Any, part: Columns) -> list[float | None]:
    """Return for each column what ``_mark`` does; a text that no row can hold counts as missing nowhere."""
    marks: list[float | None] = []
    for at, code in enumerate(part.codes):
        if isinstance(missing_values, str) and code is not None and missing_values not in code:
            origin = arrival(pen.graph, part.name, at)
            if origin is not None and pen.contract.features[origin.column].unknown == "refuse":
                marks.append(None)
                continue
        marks.append(_mark(pen, missing_values, code))
    return marks


def _mark(pen: Pen, missing_values: Any, code: Codes | None) -> float | None:
    """Return the number by which a column's missing value travels; None where nothing that travels counts as missing.

    A category that is missing is None in the pipeline's frame or NaN, a number that is missing is NaN, and scikit-learn
    tells the two apart: ``missing_values=np.nan`` leaves None alone and the other way round.

    Raises:
        ExportError: it is a string that the contract does not list.
    """
    if missing_values is pd.NA:
        return math.nan
    if missing_values is None:
        return None if missing_is_nan(code) else math.nan
    if _is_nan(missing_values):
        return math.nan if missing_is_nan(code) else None
    if code is None:
        return None if isinstance(missing_values, str) else float(missing_values)
    if missing_values in code:
        return code[missing_values]
    if not isinstance(missing_values, str):
        return None
    raise pen.refusal(
        f"missing_values={missing_values!r} is no category of the contract",
        "`categories` with that value, or missing_values=None",
    )


def _filled(pen: Pen, part: Columns, filling: NDArray[Any]) -> tuple[tuple[Codes | None, ...], list[float]]:
    """Return the codes of imputed columns, and the number that stands in for each column's missing values.

    Raises:
        ExportError: a string would stand among numbers.
    """
    known: list[Codes | None] = []
    stand_ins: list[float] = []
    for at, (code, value) in enumerate(zip(part.codes, filling, strict=True)):
        if value is None or _is_nan(value):
            known.append(code)
            stand_ins.append(math.nan)
        elif code is not None:
            extended = dict(code)
            extended.setdefault(value, largest_code(code) + 1.0)
            known.append(extended)
            stand_ins.append(extended[value])
        elif isinstance(value, str):
            origin = arrival(pen.graph, part.name, at)
            if origin is None or pen.contract.features[origin.column].nullable:
                raise pen.refusal(f"it would put the string {value!r} among numbers", "a number as fill_value")
            known.append(None)
            stand_ins.append(math.nan)
        else:
            known.append(None)
            stand_ins.append(float(value))
    return tuple(known), stand_ins


def _refuse_unexpected_nan(pen: Pen, model: SimpleImputer | MissingIndicator, columns: Columns) -> None:
    """Refuse where NaN reaches an imputer that looks for something else: scikit-learn raises on it.

    Raises:
        ExportError: the contract lets a number be missing.
    """
    if model.missing_values is not pd.NA and not _is_nan(model.missing_values):
        of_numbers = [at for at, code in enumerate(columns.codes) if code is None]
        refuse_missing(pen, columns, f"missing_values={model.missing_values!r}", of_numbers)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and math.isnan(value)
