"""What a fitted encoder answers to each value that it knows, asked of the encoder itself.

Encoders treat every column on its own, so a table of values is all there is to them: what is dropped, grouped as
infrequent, taken for unknown or encoded as missing shows in the answers, whatever the parameters say.
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

from bundle.numbers import LARGEST_EXACT_INTEGER
from training.export.arrivals import arrival
from training.export.pen import Pen
from training.export.values import Codes, Columns, missing_is_nan


@dataclass(frozen=True)
class Answers:
    """What an encoder makes of one column."""

    codes: NDArray[np.float64]
    """(K,) how the known values travel, missing as NaN; those that no row can hold are left out."""
    known: NDArray[np.float64]
    """(K, W) the columns that the encoder gives for each of them."""
    unknown: NDArray[np.float64] | None
    """(W,) the columns for any other value; None where the encoder raises."""


def ask(pen: Pen, encoder: Any, columns: Columns, widths: Sequence[int], *, raises: bool) -> list[Answers]:
    """Ask an encoder about every value of every column.

    Args:
        pen: where the step is written.
        encoder: fitted; has ``categories_``.
        columns: what it encodes.
        widths: how many columns it gives for each of its columns.
        raises: whether it raises on an unknown value.

    Raises:
        ExportError: it knows a string that the contract does not list, a string among numbers, dates, or integers
            beyond 2^53.
    """
    names = columns.names or tuple(str(at) for at in range(columns.width))
    for name, known in zip(names, encoder.categories_, strict=True):
        _refuse_lost(pen, name, known)
    categories = [list(known) for known in encoder.categories_]
    strange = [_strange(known) for known in categories]
    asked = [known if raises else [*known, other] for known, other in zip(categories, strange, strict=True)]
    length = max(len(values) for values in asked)
    given = _transformed(encoder, [(values * length)[:length] for values in asked])
    starts = np.cumsum([0, *widths])
    answers = []
    for at, (known, code) in enumerate(zip(categories, columns.codes, strict=True)):
        mine = given[:, starts[at] : starts[at + 1]]
        codes = codes_of(pen, known, code, names[at])
        reached = np.array([_can_travel(value, code) for value in known], dtype=bool)
        unknown = None if raises else mine[len(known)]
        _refuse_mistaken(pen, columns, at, names[at], known, mine, unknown)
        answers.append(Answers(codes[reached], mine[: len(known)][reached], unknown))
    return answers


def _refuse_lost(pen: Pen, column: str, known: NDArray[Any]) -> None:
    """Refuse values that do not travel as what they are.

    Raises:
        ExportError: they are dates, or integers that float64 rounds.
    """
    if known.dtype.kind in "mM":
        raise pen.refusal(
            f"the encoder of {column!r} knows dates ({known.dtype}), and dates travel as seconds",
            "the column as text, frame[column].astype(str), or DateParts in front of it",
        )
    large = [value for value in known.tolist() if isinstance(value, int) and abs(value) > LARGEST_EXACT_INTEGER]
    if large:
        raise pen.refusal(
            f"the encoder of {column!r} knows {large[0]}, and numbers beyond 2^53 are rounded on their way",
            "the column as text, frame[column].astype(str)",
        )


def codes_of(pen: Pen, values: Any, code: Codes | None, column: str) -> NDArray[np.float64]:
    """Return how a column's known values travel, float64 of shape (K,), in the encoder's order; missing is NaN.

    Raises:
        ExportError: the encoder knows a string that the contract does not list, or a string among numbers.
    """
    result = []
    for value in values:
        if value is None or _is_nan(value):
            result.append(math.nan)
        elif code is None:
            if isinstance(value, str):
                raise pen.refusal(
                    f"the encoder of {column!r} knows the string {value!r}, but the contract sends numbers",
                    f"`type: category` for {column!r}",
                )
            result.append(float(value))
        elif value in code:
            result.append(code[value])
        else:
            raise pen.refusal(
                f"the encoder of {column!r} knows {value!r}, which the contract does not list",
                f"`categories` of {column!r} with every value that the encoder knows",
            )
    return np.array(result, dtype=np.float64)


def _refuse_mistaken(
    pen: Pen,
    columns: Columns,
    at: int,
    name: str,
    known: list[Any],
    given: NDArray[np.float64],
    unknown: NDArray[np.float64] | None,
) -> None:
    """Refuse where a value of a category would be taken for another one than in the pipeline.

    Raises:
        ExportError: the encoder knows NaN and a missing value reaches it as None; or it knows a text that an imputer
            puts in and the contract does not list, so that a row with that very text would count as unknown.
    """
    code = columns.codes[at]
    origin = None if code is None else arrival(pen.graph, columns.name, at)
    if code is None or origin is None:
        return
    feature = pen.contract.features[origin.column]
    nan = next((place for place, value in enumerate(known) if _is_nan(value)), None)
    counts = nan is not None and (unknown is None or not np.array_equal(given[nan], unknown, equal_nan=True))
    missing = feature.nullable and origin.statistic is None
    if missing and counts and None not in known and not missing_is_nan(code):
        raise pen.refusal(
            f"the encoder of {name!r} knows NaN as a category, and a missing value reaches it as None",
            "MissingText in front of it, or a pipeline that is fitted on frames of `training.frames.to_frame`",
        )
    if unknown is None or feature.unknown != "ignore":
        return
    for place, value in enumerate(known):
        listed = value is None or _is_nan(value) or value in (feature.categories or ())
        if not listed and value in code and not np.array_equal(given[place], unknown, equal_nan=True):
            raise pen.refusal(
                f"an imputer puts {value!r} into {name!r}; the encoder knows it, and a row that says so itself would"
                " count as unknown, because the contract does not list it",
                f"`categories` of {feature.name!r} with {value!r}, or `unknown: refuse`",
            )


def _can_travel(value: Any, code: Codes | None) -> bool:
    """Say whether a row can hold a value: what is missing is either None or NaN, and the encoder minds which."""
    return value is not None if missing_is_nan(code) else not _is_nan(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and math.isnan(value)


def _strange(known: list[Any]) -> Any:
    """Return a value of the same kind that is not known."""
    if any(isinstance(value, str) for value in known) or not any(_is_number(value) for value in known):
        value = "?"
        while value in known:
            value += "?"
        return value
    return max(float(value) for value in known if _is_number(value)) * 2.0 + 1.0e6


def _is_number(value: Any) -> bool:
    return value is not None and not isinstance(value, str) and not math.isnan(float(value))


def _transformed(encoder: Any, columns: list[list[Any]]) -> NDArray[np.float64]:
    """Return what an encoder gives for columns of values, float64 of shape (rows, all widths)."""
    names = getattr(encoder, "feature_names_in_", range(len(columns)))
    kinds = [object if known.dtype.kind in "OUS" else np.float64 for known in encoder.categories_]
    series = {name: pd.Series(values, dtype=kind) for name, values, kind in zip(names, columns, kinds, strict=True)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a value is unknown is what is asked
        given = encoder.transform(pd.DataFrame(series))
    return np.asarray(given.toarray() if sparse.issparse(given) else given, dtype=np.float64)
