"""Writes OneHotEncoder and OrdinalEncoder of sklearn.preprocessing: categories become numbers.

Digits: none are computed. The graph compares codes if the pipeline compares strings, and the numbers are the ones that the
fitted encoder gives (``encoder_answers``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from tabento.bundle.contract import UNKNOWN_CATEGORY
from tabento.export.analysis.column_origin import column_origin, refuse_unknown_values
from tabento.export.analysis.contract_passes import never_missing
from tabento.export.converters.preprocessing.encoder_answers import Answers, query_encoder
from tabento.export.formulas.lookup import StepFunction, look_up, step_function_at_points
from tabento.export.graph.values import Columns, largest_code
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import same_in_float32, transformer

MISSING_CODE = -2.0
"""The code of a missing category in comparisons, because NaN equals nothing. Below ``UNKNOWN_CATEGORY``."""
MISSING_NUMBER = -np.inf
"""The code of a missing number in comparisons: no row contains it."""

same_in_float32(OneHotEncoder, OrdinalEncoder)


@transformer(OneHotEncoder)
def one_hot(writer: GraphWriter, model: OneHotEncoder, columns: Columns) -> Columns:
    """Write comparisons with codes: one column for each known code, or for each group of them."""
    widths = [int(width) for width in model._n_features_outs]
    answers = query_encoder(writer, model, columns, widths, raises=model.handle_unknown == "error")
    _refuse_unknown(writer, columns, answers, "handle_unknown='ignore'")
    _refuse_empty(writer, sum(widths))
    plain = all(_has_one_code_per_column(answer) for answer in answers)
    encoded = _compare_codes(writer, columns, answers) if plain else _compare_groups(writer, columns, answers)
    stored = encoded if model.sparse_output else None
    single = _is_single(model.dtype)
    return Columns(encoded, (None,) * sum(widths), sparse=model.sparse_output, stored=stored, is_float32=single)


@transformer(OrdinalEncoder)
def ordinal(writer: GraphWriter, model: OrdinalEncoder, columns: Columns) -> Columns:
    """Write the encoder's number for each code."""
    answers = query_encoder(writer, model, columns, [1] * columns.width, raises=model.handle_unknown == "error")
    _refuse_unknown(writer, columns, answers, "handle_unknown='use_encoded_value'")
    encoded = look_up_each(writer, columns, answers)
    return Columns(encoded, (None,) * columns.width, is_float32=_is_single(model.dtype))


def _refuse_unknown(writer: GraphWriter, columns: Columns, answers: Sequence[Answers], nearest: str) -> None:
    for index, answer in enumerate(answers):
        if answer.unknown is None:
            refuse_unknown_values(writer, columns, index, answer.codes.tolist(), nearest)


def _refuse_empty(writer: GraphWriter, width: int) -> None:
    if not width:
        raise writer.refusal("it drops every column that it makes", "drop=None or drop='if_binary'")


def _is_single(dtype: Any) -> bool:
    """Return whether numbers of a type are float32 or narrower, so that the next step would compute in float32."""
    kind = np.dtype(dtype)
    return bool(kind.kind == "f" and kind.itemsize < np.dtype(np.float64).itemsize)


def _has_one_code_per_column(answer: Answers) -> bool:
    """Return whether each output column is 1 for at most one code and 0 for all others."""
    gives_unknown = answer.unknown is not None and bool(answer.unknown.any())
    return not gives_unknown and bool((answer.known.sum(axis=0) <= 1).all())


def _comparable(
    writer: GraphWriter, columns: Columns, answers: Sequence[Answers]
) -> tuple[str, list[NDArray[np.float64]]]:
    """Return columns and codes that can be compared for equality, also missing ones."""
    stand_ins = np.array([MISSING_NUMBER if code is None else MISSING_CODE for code in columns.codes])
    has_missing = np.array([np.isnan(answer.codes).any() for answer in answers])
    value = columns.name
    if has_missing.any():
        fill = writer.constant(np.where(has_missing, stand_ins, np.nan)[np.newaxis], "missing_codes")
        value = writer.node("Where", [writer.node("IsNaN", [value], "missing"), fill, value], "comparable")
        writer.graph.widths[value] = columns.width
    codes = [
        np.where(np.isnan(answer.codes), stand_in, answer.codes)
        for answer, stand_in in zip(answers, stand_ins, strict=True)
    ]
    return value, codes


def _compare_codes(writer: GraphWriter, columns: Columns, answers: Sequence[Answers]) -> str:
    """Compare each column with one code for each of its output columns."""
    value, codes = _comparable(writer, columns, answers)
    positions: list[int] = []
    compared_codes: list[float] = []
    for index, (answer, column_codes) in enumerate(zip(answers, codes, strict=True)):
        positions += [index] * answer.known.shape[1]
        # A column for a code that no row can hold is compared with NaN, which nothing equals.
        compared_codes += [float(column_codes[np.argmax(flags)]) if flags.any() else np.nan for flags in answer.known.T]
    return writer.cast(_equal(writer, value, positions, compared_codes))


def _compare_groups(writer: GraphWriter, columns: Columns, answers: Sequence[Answers]) -> str:
    """Look up which output column each code sets to 1, if any, and compare its index."""
    functions = [
        _pieces(dataclasses.replace(answer, known=_flag_position(answer.known), unknown=_flag_position(answer.unknown)))
        for answer in answers
    ]
    place = look_up(writer, columns.name, functions)
    widths = [answer.known.shape[1] for answer in answers]
    positions = np.repeat(np.arange(columns.width), widths).tolist()
    return writer.cast(_equal(writer, place, positions, [float(index) for width in widths for index in range(width)]))


def _flag_position(flags: Any) -> Any:
    """Return the position of the only 1 among zeros, shape (…, 1), or -1 without a 1."""
    return None if flags is None else np.where(flags.any(axis=-1), flags.argmax(axis=-1), -1.0)[..., np.newaxis]


def _equal(writer: GraphWriter, value: str, positions: Sequence[int], compared_numbers: Sequence[float]) -> str:
    """Compare selected columns with one number each."""
    picked = value
    if list(positions) != list(range(writer.graph.width(value) or 0)):
        picked = writer.node(
            "Gather", [value, writer.constant(np.array(positions, np.int64), "columns")], "codes", axis=1
        )
    return writer.node("Equal", [picked, writer.constant(np.array([compared_numbers]), "known")], "same")


def look_up_each(writer: GraphWriter, columns: Columns, answers: Sequence[Answers]) -> str:
    """Return the encoder's number for each column's code."""
    if all(_changes_nothing(writer, columns, index, answer) for index, answer in enumerate(answers)):
        return columns.name
    return look_up(writer, columns.name, [_pieces(answer) for answer in answers])


def _pieces(answer: Answers) -> StepFunction:
    """Return the numbers for a column's codes as a step function."""
    present = ~np.isnan(answer.codes)
    otherwise = np.nan if answer.unknown is None else float(answer.unknown[0])
    missing = otherwise if present.all() else float(answer.known[~present, 0][0])
    return step_function_at_points(answer.codes[present], answer.known[present, 0], otherwise, missing)


def _changes_nothing(writer: GraphWriter, columns: Columns, index: int, answer: Answers) -> bool:
    """Return whether the encoder's numbers equal a column's codes for every possible row, so that no node is needed."""
    code = columns.codes[index]
    if code is None:
        return False
    pieces = _pieces(answer)
    known_codes = answer.codes[~np.isnan(answer.codes)]
    origin = column_origin(writer.graph, columns.name, index)
    is_refused = origin is not None and writer.contract.features[origin.column].unknown == "refuse"
    present = never_missing(writer.graph, columns.name, writer.contract, [index])
    return (
        len(known_codes) == largest_code(code) + 1
        and np.array_equal(answer.known[~np.isnan(answer.codes), 0], known_codes)
        and (is_refused or answer.unknown is None or float(answer.unknown[0]) == UNKNOWN_CATEGORY)
        and (present or np.isnan(pieces.missing))
    )
