"""Writes QuantileTransformer of sklearn.preprocessing: each column through its empirical distribution.

Digits: scikit-learn interpolates from below and from above with NumPy and takes the mean. Between two quantiles both are
straight lines. A tree finds the piece, and the lines are computed in NumPy's own order, which gives the same doubles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.preprocessing import QuantileTransformer

from tabento.export.formulas.lookup import StepFunction, boundaries_below, look_up
from tabento.export.formulas.ndtri import write_ndtri
from tabento.export.formulas.preimages import preimages
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import INT64, GraphWriter
from tabento.export.registry import transformer

MARGIN = 1e-7
"""Distance from its ends within which a normal quantile becomes the end: ``BOUNDS_THRESHOLD`` of scikit-learn."""


@dataclass(frozen=True)
class Line:
    """One piece of a column: ½·((slope·(x - left) + low) - (slope·(right - x) - high))."""

    slope: float
    left: float
    low: float
    right: float
    high: float


def _constant(value: float) -> Line:
    return Line(0.0, 0.0, value, 0.0, value)


@transformer(QuantileTransformer)
def quantile_transformer(writer: GraphWriter, model: QuantileTransformer, columns: Columns) -> Columns:
    """Write the share of training values below a value, or the normal quantile of that share; missing stays missing."""
    writer.require_numbers(columns)
    # At a frequent value the share of values below it jumps.
    writer.refuse_machine_dependent(columns, "the quantiles would jump with", "SimpleImputer in front of it")
    quantiles = np.asarray(model.quantiles_, dtype=np.float64)
    if np.isnan(quantiles).any():
        raise writer.refusal("a column had no value when it was fitted", "columns with at least one value")
    normal = model.output_distribution == "normal"
    columns_of_lines = [_line_segments(column, np.asarray(model.references_), normal=normal) for column in quantiles.T]
    lines = [line for _, column_lines in columns_of_lines for line in column_lines]
    pieces, start = [], 0
    for boundaries, column_lines in columns_of_lines:
        numbered = np.arange(start, start + len(column_lines), dtype=np.float64)
        pieces.append(StepFunction(np.array(boundaries), numbered, float(start)))
        start += len(column_lines)
    piece = writer.cast(look_up(writer, columns.name, pieces), INT64)

    def table(name: str, scale: float = 1.0) -> str:
        values = np.array([getattr(line, name) for line in lines]) * scale
        return writer.node("Gather", [writer.constant(values, name), piece], name)

    # Halves of all terms are exact, so the mean needs no node of its own.
    slope = table("slope", 0.5)
    rise = writer.node("Mul", [slope, writer.node("Sub", [columns.name, table("left")])])
    fall = writer.node("Mul", [slope, writer.node("Sub", [table("right"), columns.name])])
    from_below = writer.node("Add", [rise, table("low", 0.5)])
    from_above = writer.node("Sub", [fall, table("high", 0.5)])
    value = writer.node("Sub", [from_below, from_above], "share")
    if normal:
        # Clipped before, so that no logarithm is infinite, and after to scikit-learn's exact ends.
        shares = (MARGIN - float(np.spacing(1)), 1 - (MARGIN - float(np.spacing(1))))
        value = _clip(writer, write_ndtri(writer, _clip(writer, value, shares)), tuple(stats.norm.ppf(shares)))
    if columns.sparse:
        return _of_entries(writer, columns, value, normal=normal)
    judges = [partial(_judge, model, index) for index in range(columns.width)]
    writer.monotone(value, columns.name, judges)
    return numbers(value, columns.width)


def _of_entries(writer: GraphWriter, columns: Columns, value: str, *, normal: bool) -> Columns:
    """Return quantiles of a sparse matrix's entries; zeros that are not stored stay 0.

    Raises:
        ExportError: it is not known which zeros are stored.
    """
    if columns.stored is None:
        raise writer.refusal(
            "it transforms the entries of a sparse matrix only, and a step in front of it may store zeros",
            "sparse_threshold=0 in the ColumnTransformer and sparse_output=False in its encoders",
        )
    zero = writer.constant(np.zeros((1, 1)), "zero")
    absent = writer.node("Equal", [columns.stored, zero], "absent")
    entries = writer.node("Where", [absent, zero, value], "entries")
    if normal:
        # Folding, which removes such logarithms before trees, needs a function of the column alone.
        writer.mark_machine_dependent(
            entries,
            "normal quantiles of a sparse matrix, whose last bits differ between libraries",
            "output_distribution='uniform'",
        )
    return Columns(entries, (None,) * columns.width, sparse=True, stored=columns.stored, by_column=True)


def _judge(model: QuantileTransformer, index: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(model._transform_col(values.copy(), model.quantiles_[:, index], False), dtype=np.float64)


def _clip(writer: GraphWriter, value: str, ends: tuple[float, float]) -> str:
    return writer.node("Clip", [value, *(writer.constant(np.array(float(end)), "end") for end in ends)], "clipped")


def _line_segments(
    quantiles: NDArray[np.float64], references: NDArray[np.float64], *, normal: bool
) -> tuple[list[float], list[Line]]:
    """Return the boundaries and the pieces of one column: on each distinct quantile, between two, and outside."""
    knots, first = np.unique(quantiles, return_index=True)
    last = np.append(first[1:], len(quantiles)) - 1
    boundaries: list[float] = []
    lines = [_constant(float(references[0]))]
    for index, knot in enumerate(knots):
        boundaries += [float(boundaries_below(knot)), float(knot)]
        lines.append(_constant(0.5 * (float(references[last[index]]) + float(references[first[index]]))))
        if index + 1 < len(knots):
            low, high = last[index], first[index + 1]
            slope = (references[high] - references[low]) / (quantiles[high] - quantiles[low])
            lines.append(
                Line(
                    float(slope), float(knot), float(references[low]), float(knots[index + 1]), float(references[high])
                )
            )
    lines.append(_constant(float(references[-1])))
    # scikit-learn overwrites the ends with 0 and 1: the quantiles themselves, or all values within a margin.
    if not normal:
        lines[-2], lines[1] = _constant(1.0), _constant(0.0)
        return boundaries, lines
    low = _last_below(lambda values: values - MARGIN, float(boundaries_below(knots[0])))
    high = _last_below(lambda values: values + MARGIN, float(knots[-1]))
    inner = [boundary for boundary in boundaries if low < boundary < high]
    if low >= high:
        return [low], [_constant(0.0), _constant(1.0)]
    kept_lines = [lines[np.searchsorted(boundaries, boundary)] for boundary in [*inner, high]]
    return [low, *inner, high], [_constant(0.0), *kept_lines, _constant(1.0)]


def _last_below(function: Callable[[NDArray[np.float64]], NDArray[np.float64]], limit: float) -> float:
    """Return the largest double for which a rising function is at most a limit."""
    return float(preimages(np.array([limit]), function, certain=True)[0][0])
