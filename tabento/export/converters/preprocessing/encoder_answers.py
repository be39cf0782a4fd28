"""The answers of a fitted encoder to each value that it knows, from the encoder itself.

Encoders treat every column separately, so a table of values describes them completely. Dropped categories, infrequent
groups, unknown and missing values are all visible in the answers, for any parameters.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from tabento.bundle.numbers import LARGEST_EXACT_INTEGER
from tabento.export.analysis.column_origin import column_origin
from tabento.export.graph.values import Codes, Columns, missing_is_nan
from tabento.export.graph.writer import GraphWriter


@dataclass(frozen=True)
class Answers:
    """The answers of an encoder for one column."""

    codes: NDArray[np.float64]
    """(K,) the codes of the known values, missing as NaN; values that no row can hold are omitted."""
    known: NDArray[np.float64]
    """(K, W) the columns that the encoder gives for each of them."""
    unknown: NDArray[np.float64] | None
    """(W,) the columns for any other value; None if the encoder raises."""


def query_encoder(
    writer: GraphWriter, encoder: Any, columns: Columns, widths: Sequence[int], *, raises: bool
) -> list[Answers]:
    """Return an encoder's answers to every value of every column.

    Args:
        writer: the writer of the graph.
        encoder: a fitted encoder with ``categories_``.
        columns: the inputs of the encoder.
        widths: the number of output columns for each input column.
        raises: whether it raises on an unknown value.

    Raises:
        ExportError: it knows a string that the contract does not list, a string among numbers, dates, or integers
            beyond 2^53.
    """
    names = columns.names or tuple(str(index) for index in range(columns.width))
    for name, known_values in zip(names, encoder.categories_, strict=True):
        _refuse_lost(writer, name, known_values)
    categories = [list(known_values) for known_values in encoder.categories_]
    unknown_values = [_unknown_value(known_values) for known_values in categories]
    queried_values = [
        known_values if raises else [*known_values, unknown_value]
        for known_values, unknown_value in zip(categories, unknown_values, strict=True)
    ]
    length = max(len(values) for values in queried_values)
    output = _transform_values(encoder, [(values * length)[:length] for values in queried_values])
    starts = np.cumsum([0, *widths])
    answers = []
    for index, (known_values, code) in enumerate(zip(categories, columns.codes, strict=True)):
        column_output = output[:, starts[index] : starts[index + 1]]
        codes = codes_of(writer, known_values, code, names[index])
        can_travel = np.array([_can_travel(value, code) for value in known_values], dtype=bool)
        unknown = None if raises else column_output[len(known_values)]
        _refuse_mistaken(writer, columns, index, names[index], known_values, column_output, unknown)
        answers.append(Answers(codes[can_travel], column_output[: len(known_values)][can_travel], unknown))
    return answers


def _refuse_lost(writer: GraphWriter, column: str, known_values: NDArray[Any]) -> None:
    """Refuse values that a row of doubles cannot hold exactly.

    Raises:
        ExportError: they are dates, or integers that float64 rounds.
    """
    if known_values.dtype.kind in "mM":
        raise writer.refusal(
            f"the encoder of {column!r} knows dates ({known_values.dtype}), and dates travel as seconds",
            "the column as text, frame[column].astype(str), or DateParts in front of it",
        )
    large = [value for value in known_values.tolist() if isinstance(value, int) and abs(value) > LARGEST_EXACT_INTEGER]
    if large:
        raise writer.refusal(
            f"the encoder of {column!r} knows {large[0]}, and numbers beyond 2^53 are rounded on their way",
            "the column as text, frame[column].astype(str)",
        )


def codes_of(writer: GraphWriter, values: Any, code: Codes | None, column: str) -> NDArray[np.float64]:
    """Return the codes of a column's known values, float64 of shape (K,), in the encoder's order; missing is NaN.

    Raises:
        ExportError: the encoder knows a string that the contract does not list, or a string among numbers.
    """
    result = []
    for value in values:
        if value is None or _is_nan(value):
            result.append(math.nan)
        elif code is None:
            if isinstance(value, str):
                raise writer.refusal(
                    f"the encoder of {column!r} knows the string {value!r}, but the contract sends numbers",
                    f"`type: category` for {column!r}",
                )
            result.append(float(value))
        elif value in code:
            result.append(code[value])
        else:
            raise writer.refusal(
                f"the encoder of {column!r} knows {value!r}, which the contract does not list",
                f"`categories` of {column!r} with every value that the encoder knows",
            )
    return np.array(result, dtype=np.float64)


def _refuse_mistaken(
    writer: GraphWriter,
    columns: Columns,
    index: int,
    name: str,
    known_values: list[Any],
    output: NDArray[np.float64],
    unknown: NDArray[np.float64] | None,
) -> None:
    """Refuse an encoder if the graph would take a value of a category for another one than the pipeline.

    Raises:
        ExportError: the encoder knows NaN and a missing value reaches it as None; or it knows a text that an imputer
            inserts and the contract does not list, so that a row with that text would be unknown.
    """
    code = columns.codes[index]
    origin = None if code is None else column_origin(writer.graph, columns.name, index)
    if code is None or origin is None:
        return
    feature = writer.contract.features[origin.column]
    nan = next((place for place, value in enumerate(known_values) if _is_nan(value)), None)
    counts = nan is not None and (unknown is None or not np.array_equal(output[nan], unknown, equal_nan=True))
    missing = feature.nullable and origin.statistic is None
    if missing and counts and None not in known_values and not missing_is_nan(code):
        raise writer.refusal(
            f"the encoder of {name!r} knows NaN as a category, and a missing value reaches it as None",
            "MissingText in front of it, or a pipeline that is fitted on frames of `tabento.tables.frames.to_frame`",
        )
    if unknown is None or feature.unknown != "ignore":
        return
    for place, value in enumerate(known_values):
        listed = value is None or _is_nan(value) or value in (feature.categories or ())
        if not listed and value in code and not np.array_equal(output[place], unknown, equal_nan=True):
            raise writer.refusal(
                f"an imputer puts {value!r} into {name!r}; the encoder knows it, and a row that says so itself would"
                " count as unknown, because the contract does not list it",
                f"`categories` of {feature.name!r} with {value!r}, or `unknown: refuse`",
            )


def _can_travel(value: Any, code: Codes | None) -> bool:
    """Return whether a row can hold a value: a missing value is either None or NaN, and the encoder distinguishes them."""
    return value is not None if missing_is_nan(code) else not _is_nan(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and math.isnan(value)


def _unknown_value(known_values: list[Any]) -> Any:
    """Return a value of the same kind that the encoder does not know."""
    if any(isinstance(value, str) for value in known_values) or not any(_is_number(value) for value in known_values):
        value = "?"
        while value in known_values:
            value += "?"
        return value
    return max(float(value) for value in known_values if _is_number(value)) * 2.0 + 1.0e6


def _is_number(value: Any) -> bool:
    return value is not None and not isinstance(value, str) and not math.isnan(float(value))


def _transform_values(encoder: Any, columns: list[list[Any]]) -> NDArray[np.float64]:
    """Return an encoder's output for columns of values, float64 of shape (rows, all widths)."""
    names = getattr(encoder, "feature_names_in_", range(len(columns)))
    kinds = [object if known_values.dtype.kind in "OUS" else np.float64 for known_values in encoder.categories_]
    series = {name: pd.Series(values, dtype=kind) for name, values, kind in zip(names, columns, kinds, strict=True)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the unknown value is intended
        output = encoder.transform(pd.DataFrame(series))
    return np.asarray(output.toarray() if sparse.issparse(output) else output, dtype=np.float64)
