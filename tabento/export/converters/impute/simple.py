"""Writes SimpleImputer and MissingIndicator of sklearn.impute.

ONNX Runtime's ``Imputer`` is float32 only, so an imputation is written as IsNaN and Where.

Digits: the learned statistics are constants; nothing is computed.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.impute import MissingIndicator, SimpleImputer

from tabento.export.analysis.column_origin import column_origin, refuse_missing
from tabento.export.graph.values import Codes, Columns, largest_code, missing_is_nan, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer


@transformer(SimpleImputer)
def simple_imputer(writer: GraphWriter, model: SimpleImputer, columns: Columns) -> Columns:
    """Write the learned statistic for a missing value; a string that the contract does not list gets a new code.

    Columns without a statistic are dropped, as in scikit-learn; indicators follow the other columns.
    """
    statistics = np.asarray(model.statistics_)
    kept_columns = [
        index for index in range(columns.width) if model.keep_empty_features or not _is_nan(statistics[index])
    ]
    if not kept_columns:
        raise writer.refusal("no column had a value when it was fitted", "columns with at least one value")
    filling = statistics[kept_columns].astype(model._fill_dtype, copy=False)
    part = writer.pick(columns, kept_columns)
    codes, numeric = _codes_and_fill(writer, part, filling)
    _refuse_unexpected_nan(writer, model, columns)
    marks = _marks(writer, model.missing_values, part)
    if any(mark is not None for mark in marks):
        fill = np.array([np.nan if mark is None else number for mark, number in zip(marks, numeric, strict=True)])
        if all(mark is None or math.isnan(mark) for mark in marks):
            missing = writer.node("IsNaN", [part.name], "missing")
        else:
            missing_marks = np.array([np.nan if mark is None else mark for mark in marks])
            missing = writer.node(
                "Equal", [part.name, writer.constant(missing_marks[np.newaxis], "missing")], "missing"
            )
        value = writer.node("Where", [missing, writer.constant(fill[np.newaxis], "statistics"), part.name], "imputed")
        # A statistic of 0 stays an entry of a sparse matrix.
        part = dataclasses.replace(part, name=value, codes=codes)
    part = dataclasses.replace(part, by_column=part.sparse)
    if model.indicator_ is None:
        return part
    marked = indicators(writer, model.missing_values, columns, model.indicator_.features_)
    joined = writer.join([part, dataclasses.replace(marked, sparse=columns.sparse)])
    return dataclasses.replace(joined, by_column=columns.sparse)


@transformer(MissingIndicator)
def missing_indicator(writer: GraphWriter, model: MissingIndicator, columns: Columns) -> Columns:
    """Write one column for each feature that was missing in training, or for each feature: 1 if the value is missing."""
    indicated_columns = model.features_
    _refuse_unexpected_nan(writer, model, columns)
    if model.features == "missing-only" and model.error_on_new:
        other_columns = [index for index in range(columns.width) if index not in set(indicated_columns.tolist())]
        if other_columns and _is_nan(model.missing_values):
            refuse_missing(writer, columns, "error_on_new=True", other_columns)
    if not len(indicated_columns):
        raise writer.refusal("nothing was missing when it was fitted, so it has no columns", "features='all'")
    marked = indicators(writer, model.missing_values, columns, indicated_columns)
    if not columns.sparse:
        return dataclasses.replace(
            marked, sparse=model.sparse is True, stored=marked.name if model.sparse is True else None
        )
    return dataclasses.replace(marked, sparse=model.sparse is not False)


def indicators(writer: GraphWriter, missing_values: Any, columns: Columns, indicated_columns: NDArray[Any]) -> Columns:
    """Return 1 if a selected column is missing, else 0."""
    if not len(indicated_columns):
        return Columns(columns.name, ())
    part = writer.pick(columns, indicated_columns.tolist())
    marks = _marks(writer, missing_values, part)
    missing_marks = np.array([np.nan if mark is None else mark for mark in marks])
    if all(mark is not None and math.isnan(mark) for mark in marks):
        flags = writer.node("IsNaN", [part.name], "missing")
    elif np.isnan(missing_marks[[mark is not None for mark in marks]]).any():
        never = np.array([mark is not None for mark in marks])
        flags = writer.node(
            "And", [writer.node("IsNaN", [part.name], "missing"), writer.constant(never[np.newaxis], "asked")]
        )
    else:
        flags = writer.node("Equal", [part.name, writer.constant(missing_marks[np.newaxis], "missing")], "missing")
    return numbers(writer.cast(flags), part.width)


def _marks(writer: GraphWriter, missing_values: Any, part: Columns) -> list[float | None]:
    """Return the result of ``_mark`` for each column; a text that no row can hold is never missing."""
    marks: list[float | None] = []
    for index, code in enumerate(part.codes):
        if isinstance(missing_values, str) and code is not None and missing_values not in code:
            origin = column_origin(writer.graph, part.name, index)
            if origin is not None and writer.contract.features[origin.column].unknown == "refuse":
                marks.append(None)
                continue
        marks.append(_mark(writer, missing_values, code))
    return marks


def _mark(writer: GraphWriter, missing_values: Any, code: Codes | None) -> float | None:
    """Return the code of a column's missing value; None if no value of a row is treated as missing.

    A missing category is None or NaN in the pipeline's frame, a missing number is NaN. scikit-learn distinguishes the two:
    ``missing_values=np.nan`` ignores None, and ``missing_values=None`` ignores NaN.

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
    raise writer.refusal(
        f"missing_values={missing_values!r} is not a category of the contract",
        "`categories` with that value, or missing_values=None",
    )


def _codes_and_fill(
    writer: GraphWriter, part: Columns, filling: NDArray[Any]
) -> tuple[tuple[Codes | None, ...], list[float]]:
    """Return the codes of imputed columns, and the number that replaces each column's missing values.

    Raises:
        ExportError: a string would be among numbers.
    """
    column_codes: list[Codes | None] = []
    stand_ins: list[float] = []
    for index, (code, value) in enumerate(zip(part.codes, filling, strict=True)):
        if value is None or _is_nan(value):
            column_codes.append(code)
            stand_ins.append(math.nan)
        elif code is not None:
            extended = dict(code)
            extended.setdefault(value, largest_code(code) + 1.0)
            column_codes.append(extended)
            stand_ins.append(extended[value])
        elif isinstance(value, str):
            origin = column_origin(writer.graph, part.name, index)
            if origin is None or writer.contract.features[origin.column].nullable:
                raise writer.refusal(f"it would put the string {value!r} among numbers", "a number as fill_value")
            column_codes.append(None)
            stand_ins.append(math.nan)
        else:
            column_codes.append(None)
            stand_ins.append(float(value))
    return tuple(column_codes), stand_ins


def _refuse_unexpected_nan(writer: GraphWriter, model: SimpleImputer | MissingIndicator, columns: Columns) -> None:
    """Refuse an imputer of another value if NaN can reach it: scikit-learn raises on NaN.

    Raises:
        ExportError: the contract lets a number be missing.
    """
    if model.missing_values is not pd.NA and not _is_nan(model.missing_values):
        of_numbers = [index for index, code in enumerate(columns.codes) if code is None]
        refuse_missing(writer, columns, f"missing_values={model.missing_values!r}", of_numbers)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and math.isnan(value)
