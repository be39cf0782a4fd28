"""Numbers on which an estimator of scikit-learn raises an error: the graph answers NaN, which the service never sends.

An estimator that rounds its rows to float32 raises an error on a number outside of float32. If the contract allows such a
number, the export is refused. If the column is computed, the graph checks the number itself.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tabento.export.analysis.bounds import FLOAT32_LIMIT, value_bounds
from tabento.export.analysis.column_origin import refuse_missing, source_feature
from tabento.export.analysis.exactness import marked_columns
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter


def require_float32_range(writer: GraphWriter, columns: Columns, model: Any, *, takes_missing: bool) -> None:
    """Make the graph answer NaN for rows on which an estimator that rounds to float32 raises an error.

    Args:
        writer: the graph writer at the estimator's step.
        columns: the columns that the estimator receives.
        model: the estimator.
        takes_missing: whether the estimator accepts NaN.

    Raises:
        ExportError: the contract allows a number on which the estimator raises: a missing one, or one outside of float32.
    """
    name = type(model).__name__
    if not takes_missing:
        refuse_missing(writer, columns, f"{name} after a sparse matrix" if columns.sparse else name)
    unknown = columns_not_known_in_float32(writer, columns, model)
    if not unknown or (columns.name, takes_missing) in writer.graph.checked:
        return
    writer.graph.checked.add((columns.name, takes_missing))
    _write_check(writer, columns, unknown, FLOAT32_LIMIT, takes_missing=takes_missing)


def require_finite(writer: GraphWriter, columns: Columns, model: Any) -> None:
    """Make the graph answer NaN for rows on which a step raises an error because a number is infinite.

    The service accepts only finite numbers, but a quotient or a function can be infinite.
    """
    marks = marked_columns(writer.graph, columns.name, writer.graph.overflowing) if columns.numeric else None
    limit = FLOAT32_LIMIT if type(model).__module__.partition(".")[0] == "xgboost" else math.inf
    if marks is None or (columns.name, limit) in writer.graph.finite or not _raises_on_infinity(model, columns.width):
        return
    writer.graph.finite.add((columns.name, limit))
    unbounded = [
        index
        for index, mark in enumerate(marks)
        if mark is not None and not _stays_below(writer, columns, index, limit)
    ]
    if unbounded:
        _write_check(writer, columns, unbounded, limit, takes_missing=True)


def _write_check(
    writer: GraphWriter, columns: Columns, selected: Sequence[int], limit: float, *, takes_missing: bool
) -> None:
    """Write the check of the selected columns: rows with a number at or above a limit, or with NaN if that is not accepted."""
    sizes = writer.node("Abs", [writer.pick(columns, selected).name], "sizes")
    largest = writer.constant(np.full((1, 1), limit), "limit")
    if takes_missing:
        outside = writer.node("GreaterOrEqual", [sizes, largest], "beyond")
    else:
        outside = writer.node("Not", [writer.node("Less", [sizes, largest], "finite")], "beyond")
    axis = writer.constant(np.array([1], dtype=np.int64), "axis")
    writer.graph.raising.append(writer.node("ReduceMax", [writer.cast(outside), axis], "raises", keepdims=1))


def _raises_on_infinity(model: Any, width: int) -> bool:
    """Return whether a fitted step raises an error about infinity for a row of infinities.

    A step that contains others, or selects columns by name, raises another error; its inner steps are tested themselves.
    """
    method = getattr(model, "predict", None) or getattr(model, "transform", None)
    if method is None:
        return False
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            method(np.full((1, width), np.inf))
    except Exception as error:  # each library has its own error classes
        return any(word in str(error).lower() for word in ("infinity", "`inf`"))
    return False


def _stays_below(writer: GraphWriter, columns: Columns, column: int, limit: float) -> bool:
    interval = value_bounds(writer, columns.name, column)
    return interval is not None and max(abs(interval[0]), abs(interval[1])) < limit


def columns_not_known_in_float32(writer: GraphWriter, columns: Columns, model: Any) -> list[int]:
    """Return the columns that are not known to stay within float32.

    Raises:
        ExportError: a range of the contract is not within float32.
    """
    writer.require_numbers(columns)
    return [index for index in range(columns.width) if not _is_in_float32(writer, columns, index, type(model).__name__)]


def nan_for_raising_rows(writer: GraphWriter, answer: str) -> str:
    """Return the answer, with NaN for rows on which the pipeline raises an error."""
    raising = list(dict.fromkeys(writer.graph.raising))
    if not raising:
        return answer
    total = raising[0] if len(raising) == 1 else writer.node("Max", raising, "raises")
    test = writer.node("Greater", [total, writer.constant(np.zeros((1, 1)), "zero")], "raises")
    return writer.node("Where", [test, writer.constant(np.full((1, 1), np.nan), "nan"), answer], "answer")


def _is_in_float32(writer: GraphWriter, columns: Columns, column: int, name: str) -> bool:
    """Return whether a column is known to stay within float32.

    Raises:
        ExportError: the contract's range is not within float32.
    """
    if _stays_below(writer, columns, column, FLOAT32_LIMIT):
        return True
    interval = value_bounds(writer, columns.name, column)
    feature = source_feature(writer, columns.name, column)
    if interval is not None and feature is not None and feature.ordered:
        raise writer.refusal(
            f"{name} rounds to float32, where numbers beyond ±3.4e38 are infinite, and the contract allows such numbers for"
            f" {feature.name!r}",
            f"`minimum` and `maximum` of {feature.name!r} within float32",
        )
    return False
