"""Encoders: categories become numbers. They compare codes where the pipeline compares strings."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from bundle.contract import UNKNOWN_CATEGORY
from training.export.answers import Answers, ask
from training.export.arrivals import arrival, refuse_surprises
from training.export.lookup import Pieces, at_points, look_up
from training.export.pen import Pen
from training.export.promises import never_missing
from training.export.registry import safe_in_single, transformer
from training.export.values import Columns, largest_code, numbers

MISSING_CODE = -2.0
"""What a missing category is compared as: NaN equals nothing, itself included. Below ``UNKNOWN_CATEGORY``."""
MISSING_NUMBER = -np.inf
"""What a missing number is compared as: no number of a row."""

safe_in_single(OneHotEncoder, OrdinalEncoder, TargetEncoder)


@transformer(OneHotEncoder)
def one_hot(pen: Pen, model: OneHotEncoder, columns: Columns) -> Columns:
    """Codes against codes: one column per known code, or per group of them."""
    widths = [int(width) for width in model._n_features_outs]
    answers = ask(pen, model, columns, widths, raises=model.handle_unknown == "error")
    _refuse_unknown(pen, columns, answers, "handle_unknown='ignore'")
    _refuse_empty(pen, sum(widths))
    plain = all(_is_plain(answer) for answer in answers)
    encoded = _plain(pen, columns, answers) if plain else _grouped(pen, columns, answers)
    stored = encoded if model.sparse_output else None
    single = _is_single(model.dtype)
    return Columns(encoded, (None,) * sum(widths), sparse=model.sparse_output, stored=stored, single=single)


@transformer(OrdinalEncoder)
def ordinal(pen: Pen, model: OrdinalEncoder, columns: Columns) -> Columns:
    """Each code becomes the encoder's number for it."""
    answers = ask(pen, model, columns, [1] * columns.width, raises=model.handle_unknown == "error")
    _refuse_unknown(pen, columns, answers, "handle_unknown='use_encoded_value'")
    encoded = _look_up_each(pen, columns, answers)
    return Columns(encoded, (None,) * columns.width, single=_is_single(model.dtype))


@transformer(TargetEncoder)
def target(pen: Pen, model: TargetEncoder, columns: Columns) -> Columns:
    """Each code becomes the target's smoothed mean, or one share per class; unknown ones the mean over all rows."""
    classes = len(model.classes_) if model.target_type_ == "multiclass" else 1
    answers = ask(pen, model, columns, [classes] * columns.width, raises=False)
    repeated = pen.pick(columns, np.repeat(np.arange(columns.width), classes).tolist())
    each = [
        Answers(answer.codes, answer.known[:, [at]], None if answer.unknown is None else answer.unknown[[at]])
        for answer in answers
        for at in range(classes)
    ]
    return numbers(_look_up_each(pen, repeated, each), columns.width * classes)


def _refuse_unknown(pen: Pen, columns: Columns, answers: Sequence[Answers], nearest: str) -> None:
    for at, answer in enumerate(answers):
        if answer.unknown is None:
            refuse_surprises(pen, columns, at, answer.codes.tolist(), nearest)


def _refuse_empty(pen: Pen, width: int) -> None:
    if not width:
        raise pen.refusal("it drops every column that it makes", "drop=None or drop='if_binary'")


def _is_single(dtype: Any) -> bool:
    """Say whether numbers of a type are float32 or narrower, so that a step behind them would compute in float32."""
    kind = np.dtype(dtype)
    return bool(kind.kind == "f" and kind.itemsize < np.dtype(np.float64).itemsize)


def _is_plain(answer: Answers) -> bool:
    """Say whether each column that the encoder makes is 1 for at most one code and 0 for all others."""
    others = answer.unknown is not None and bool(answer.unknown.any())
    return not others and bool((answer.known.sum(axis=0) <= 1).all())


def _comparable(pen: Pen, columns: Columns, answers: Sequence[Answers]) -> tuple[str, list[NDArray[np.float64]]]:
    """Return columns and codes that can be compared for equality, missing ones too."""
    stand_ins = np.array([MISSING_NUMBER if code is None else MISSING_CODE for code in columns.codes])
    asked = np.array([np.isnan(answer.codes).any() for answer in answers])
    value = columns.name
    if asked.any():
        fill = pen.constant(np.where(asked, stand_ins, np.nan)[np.newaxis], "missing_codes")
        value = pen.node("Where", [pen.node("IsNaN", [value], "missing"), fill, value], "comparable")
        pen.graph.widths[value] = columns.width
    codes = [
        np.where(np.isnan(answer.codes), stand_in, answer.codes)
        for answer, stand_in in zip(answers, stand_ins, strict=True)
    ]
    return value, codes


def _plain(pen: Pen, columns: Columns, answers: Sequence[Answers]) -> str:
    """Compare each column with one code for each column that the encoder makes of it."""
    value, codes = _comparable(pen, columns, answers)
    positions: list[int] = []
    sought: list[float] = []
    for at, (answer, mine) in enumerate(zip(answers, codes, strict=True)):
        positions += [at] * answer.known.shape[1]
        # A column of a code that no row can hold is compared with NaN, which nothing equals.
        sought += [float(mine[np.argmax(made)]) if made.any() else np.nan for made in answer.known.T]
    return pen.cast(_equal(pen, value, positions, sought))


def _grouped(pen: Pen, columns: Columns, answers: Sequence[Answers]) -> str:
    """Look up which of its columns each code makes 1, if any, and compare that."""
    functions = [
        _pieces(dataclasses.replace(answer, known=_place(answer.known), unknown=_place(answer.unknown)))
        for answer in answers
    ]
    place = look_up(pen, columns.name, functions)
    widths = [answer.known.shape[1] for answer in answers]
    positions = np.repeat(np.arange(columns.width), widths).tolist()
    return pen.cast(_equal(pen, place, positions, [float(at) for width in widths for at in range(width)]))


def _place(made: Any) -> Any:
    """Return where noughts and ones have their one, shape (…, 1), or -1 where they have none."""
    return None if made is None else np.where(made.any(axis=-1), made.argmax(axis=-1), -1.0)[..., np.newaxis]


def _equal(pen: Pen, value: str, positions: Sequence[int], sought: Sequence[float]) -> str:
    """Compare picked columns with one number each."""
    picked = value
    if list(positions) != list(range(pen.graph.width(value) or 0)):
        picked = pen.node("Gather", [value, pen.constant(np.array(positions, np.int64), "columns")], "codes", axis=1)
    return pen.node("Equal", [picked, pen.constant(np.array([sought]), "known")], "same")


def _look_up_each(pen: Pen, columns: Columns, answers: Sequence[Answers]) -> str:
    """Give each column the one number that the encoder has for its code."""
    if all(_changes_nothing(pen, columns, at, answer) for at, answer in enumerate(answers)):
        return columns.name
    return look_up(pen, columns.name, [_pieces(answer) for answer in answers])


def _pieces(answer: Answers) -> Pieces:
    """Return the numbers for a column's codes as a function."""
    present = ~np.isnan(answer.codes)
    otherwise = np.nan if answer.unknown is None else float(answer.unknown[0])
    missing = otherwise if present.all() else float(answer.known[~present, 0][0])
    return at_points(answer.codes[present], answer.known[present, 0], otherwise, missing)


def _changes_nothing(pen: Pen, columns: Columns, at: int, answer: Answers) -> bool:
    """Say whether an encoder's numbers are a column's codes, for all that can arrive, so that nothing is to be done."""
    code = columns.codes[at]
    if code is None:
        return False
    pieces = _pieces(answer)
    known = answer.codes[~np.isnan(answer.codes)]
    origin = arrival(pen.graph, columns.name, at)
    refused = origin is not None and pen.contract.features[origin.column].unknown == "refuse"
    present = never_missing(pen.graph, columns.name, pen.contract, [at])
    return (
        len(known) == largest_code(code) + 1
        and np.array_equal(answer.known[~np.isnan(answer.codes), 0], known)
        and (refused or answer.unknown is None or float(answer.unknown[0]) == UNKNOWN_CATEGORY)
        and (present or np.isnan(pieces.missing))
    )
