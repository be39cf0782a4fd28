"""Quantile transforms: each column through the empirical distribution that was learned, as NumPy interpolates it.

scikit-learn interpolates from below and from above and takes the mean. Between two quantiles both are straight lines,
so a tree finds the piece and the lines are computed in NumPy's own order, which gives the same doubles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.preprocessing import QuantileTransformer

from training.export.lookup import Pieces, below, look_up
from training.export.ndtri import write_ndtri
from training.export.pen import INT64, Pen
from training.export.preimages import preimages
from training.export.registry import transformer
from training.export.values import Columns, numbers

MARGIN = 1e-7
"""How near to its ends a normal quantile is taken for the end: ``BOUNDS_THRESHOLD`` of scikit-learn."""


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
def quantile_transformer(pen: Pen, model: QuantileTransformer, columns: Columns) -> Columns:
    """The share of training values below, or the normal quantile of that share; missing stays missing."""
    pen.require_numbers(columns)
    # Where a value was often met, the share of values below it jumps.
    pen.require_settled(columns, "the quantiles would jump with", "SimpleImputer in front of it")
    quantiles = np.asarray(model.quantiles_, dtype=np.float64)
    if np.isnan(quantiles).any():
        raise pen.refusal("a column had no value when it was fitted", "columns with at least one value")
    normal = model.output_distribution == "normal"
    columns_of_lines = [_lines(column, np.asarray(model.references_), normal=normal) for column in quantiles.T]
    lines = [line for _, some in columns_of_lines for line in some]
    pieces, start = [], 0
    for boundaries, some in columns_of_lines:
        numbered = np.arange(start, start + len(some), dtype=np.float64)
        pieces.append(Pieces(np.array(boundaries), numbered, float(start)))
        start += len(some)
    piece = pen.cast(look_up(pen, columns.name, pieces), INT64)

    def table(name: str, scale: float = 1.0) -> str:
        values = np.array([getattr(line, name) for line in lines]) * scale
        return pen.node("Gather", [pen.constant(values, name), piece], name)

    # Halves of all terms are exact, so the mean needs no node of its own.
    slope = table("slope", 0.5)
    rise = pen.node("Mul", [slope, pen.node("Sub", [columns.name, table("left")])])
    fall = pen.node("Mul", [slope, pen.node("Sub", [table("right"), columns.name])])
    from_below = pen.node("Add", [rise, table("low", 0.5)])
    from_above = pen.node("Sub", [fall, table("high", 0.5)])
    value = pen.node("Sub", [from_below, from_above], "share")
    if normal:
        # Clipped in front so that no logarithm is infinite, and behind to scikit-learn's very ends.
        shares = (MARGIN - float(np.spacing(1)), 1 - (MARGIN - float(np.spacing(1))))
        value = _clip(pen, write_ndtri(pen, _clip(pen, value, shares)), tuple(stats.norm.ppf(shares)))
    if columns.sparse:
        return _of_entries(pen, columns, value, normal=normal)
    judges = [partial(_judge, model, at) for at in range(columns.width)]
    pen.monotone(value, columns.name, judges)
    return numbers(value, columns.width)


def _of_entries(pen: Pen, columns: Columns, value: str, *, normal: bool) -> Columns:
    """Return quantiles of a sparse matrix's entries; what has no entry stays 0.

    Raises:
        ExportError: it is not known which zeros are entries.
    """
    if columns.stored is None:
        raise pen.refusal(
            "it transforms the entries of a sparse matrix only, and a step in front of it may store zeros",
            "sparse_threshold=0 in the ColumnTransformer and sparse_output=False in its encoders",
        )
    zero = pen.constant(np.zeros((1, 1)), "zero")
    absent = pen.node("Equal", [columns.stored, zero], "absent")
    entries = pen.node("Where", [absent, zero, value], "entries")
    if normal:
        # Folding, which takes such logarithms out in front of trees, needs a function of the column alone.
        pen.unsettle(
            entries,
            "normal quantiles of a sparse matrix, whose last bits differ between libraries",
            "output_distribution='uniform'",
        )
    return Columns(entries, (None,) * columns.width, sparse=True, stored=columns.stored, by_column=True)


def _judge(model: QuantileTransformer, at: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(model._transform_col(values.copy(), model.quantiles_[:, at], False), dtype=np.float64)


def _clip(pen: Pen, value: str, ends: tuple[float, float]) -> str:
    return pen.node("Clip", [value, *(pen.constant(np.array(float(end)), "end") for end in ends)], "clipped")


def _lines(
    quantiles: NDArray[np.float64], references: NDArray[np.float64], *, normal: bool
) -> tuple[list[float], list[Line]]:
    """Return the boundaries and the pieces of one column: on each distinct quantile, between two, and beyond."""
    knots, first = np.unique(quantiles, return_index=True)
    last = np.append(first[1:], len(quantiles)) - 1
    boundaries: list[float] = []
    lines = [_constant(float(references[0]))]
    for at, knot in enumerate(knots):
        boundaries += [float(below(knot)), float(knot)]
        lines.append(_constant(0.5 * (float(references[last[at]]) + float(references[first[at]]))))
        if at + 1 < len(knots):
            low, high = last[at], first[at + 1]
            slope = (references[high] - references[low]) / (quantiles[high] - quantiles[low])
            lines.append(
                Line(float(slope), float(knot), float(references[low]), float(knots[at + 1]), float(references[high]))
            )
    lines.append(_constant(float(references[-1])))
    # scikit-learn writes 0 and 1 over the ends: over the quantiles themselves, or over all within a margin of them.
    if not normal:
        lines[-2], lines[1] = _constant(1.0), _constant(0.0)
        return boundaries, lines
    low = _last(lambda values: values - MARGIN, float(below(knots[0])))
    high = _last(lambda values: values + MARGIN, float(knots[-1]))
    inner = [boundary for boundary in boundaries if low < boundary < high]
    if low >= high:
        return [low], [_constant(0.0), _constant(1.0)]
    kept = [lines[np.searchsorted(boundaries, boundary)] for boundary in [*inner, high]]
    return [low, *inner, high], [_constant(0.0), *kept, _constant(1.0)]


def _last(function: Callable[[NDArray[np.float64]], NDArray[np.float64]], limit: float) -> float:
    """Return the largest double for which a rising function is at most a limit."""
    return float(preimages(np.array([limit]), function, certain=True)[0][0])
