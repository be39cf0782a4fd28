"""Imputation by neighbours: the mean of the donors that are nearest where both have values.

scikit-learn expands squared distances into products, and the graph does the same in the same order, so that both lose
the same digits. If two donors are equally far, which of them scikit-learn takes hangs on ``numpy.argpartition``, which
has another algorithm for each kind of processor. So an imputer is refused if rows at the resolution of its training rows
have equally far donors with different values, as on whole numbers. Distances to all training rows are computed for every
row, so the cost of an answer grows with them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import KNNImputer
from sklearn.metrics.pairwise import nan_euclidean_distances

from training.export.imputing import indicators
from training.export.pen import Pen
from training.export.promises import never_missing
from training.export.registry import transformer
from training.export.resolution import FEWEST, room_for, rows_on_grid, ties_among
from training.export.values import Columns, numbers

SEED = 32
MISSING = 0.15
"""The share of values that are left out of the rows by which ties are looked for, where they may be missing."""
UNSETTLED = "KNNImputer's means, whose last bits hang on the order in which the machine's partition leaves the donors"
"""Why trees cannot stand behind: a row whose mean is a threshold takes a branch that nobody can foretell."""


@transformer(KNNImputer)
def knn_imputer(pen: Pen, model: KNNImputer, columns: Columns) -> Columns:
    """Missing → the mean of the nearest donors, weighted by nearness where that is asked for."""
    pen.require_numbers(columns)
    if model.metric != "nan_euclidean" or callable(model.weights):
        raise pen.refusal("its metric or its weights are a function", "metric='nan_euclidean', weights='distance'")
    if not (isinstance(model.missing_values, float) and math.isnan(model.missing_values)):
        raise pen.refusal(f"missing_values={model.missing_values!r}", "missing_values=NaN")
    valid = np.asarray(model._valid_mask)
    if not valid.any():
        raise pen.refusal("no column had a value when it was fitted", "columns with at least one value")
    asked = [
        at
        for at in range(columns.width)
        if valid[at] and not never_missing(pen.graph, columns.name, pen.contract, [at])
    ]
    _refuse_ties(pen, model, columns, asked)
    parts = []
    distances = _distances(pen, model, columns) if asked else ""
    for at in range(columns.width):
        raw = numbers(pen.pick(columns, [at]).name, 1)
        if at in asked:
            imputed = _imputed(pen, model, raw.name, distances, at)
            pen.graph.unsettled[imputed] = UNSETTLED
            parts.append(numbers(imputed, 1))
        elif valid[at]:
            parts.append(raw)
        elif model.keep_empty_features:
            zero = pen.constant(np.zeros((1, 1)), "zero")
            parts.append(numbers(pen.node("Where", [pen.node("IsNaN", [raw.name]), zero, zero], "empty"), 1))
    if model.indicator_ is not None:
        parts.append(indicators(pen, model.missing_values, columns, model.indicator_.features_))
    return pen.join(parts)


def _refuse_ties(pen: Pen, model: KNNImputer, columns: Columns, asked: list[int]) -> None:
    """Refuse an imputer if rows at the resolution of its training rows have equally far donors with other values.

    Args:
        pen: writes.
        model: fitted.
        columns: what it sees.
        asked: the columns that may be missing.
    """
    fit = np.asarray(model._fit_X, dtype=np.float64)
    generator = np.random.default_rng(SEED)
    size = float(np.nansum(fit**2, axis=1).max(initial=0.0))
    unit = np.finfo(np.float64).eps * (fit.shape[1] + 4) * fit.shape[1]
    for at in asked:
        donors = fit[~np.isnan(fit[:, at])]
        values = donors[:, [at]]
        rows = rows_on_grid(fit, fit[:, [at]], max(room_for(len(donors)) // len(asked), FEWEST))
        others = [column for column in asked if column != at]
        rows[:, others] = np.where(generator.random((len(rows), len(others))) < MISSING, np.nan, rows[:, others])
        rows[:, at] = np.nan
        fixed = [column for column in range(fit.shape[1]) if column not in asked and model._valid_mask[column]]
        rows = rows[~np.isnan(rows[:, fixed]).any(axis=1)]

        def distances(some: NDArray[np.float64], donors: NDArray[np.float64] = donors) -> NDArray[np.float64]:
            apart = nan_euclidean_distances(some, donors, squared=True)
            return np.asarray(np.where(np.isnan(apart), np.inf, apart))

        def slack(some: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(unit * (np.nansum(some**2, axis=1) + size))

        ties = ties_among(rows, distances, values, min(int(model.n_neighbors), len(donors)), slack)
        if ties is not None:
            name = columns.names[at] if columns.names is not None else str(at)
            shown = [None if math.isnan(value) else value for value in ties.example.tolist()]
            raise pen.refusal(
                f"{ties.count} of {ties.asked} rows at the resolution of its training rows have equally far donors with"
                f" different values of {name!r}, one of them is {shown}, and which donor counts hangs on the machine",
                "SimpleImputer, or trees that take missing values themselves",
            )


def _distances(pen: Pen, model: KNNImputer, columns: Columns) -> str:
    """Return squared distances over what both have, scaled up to all columns: (N, M), infinite where both have nothing.

    The square root is left out, for it keeps the order.
    """
    missing_fit = np.asarray(model._mask_fit_X)
    fit = np.where(missing_fit, 0.0, np.asarray(model._fit_X, dtype=np.float64))
    missing = pen.node("IsNaN", [columns.name], "missing")
    flags = pen.cast(missing)
    given = pen.node("Where", [missing, pen.constant(np.zeros((1, 1)), "zero"), columns.name], "given")
    square = pen.node("Mul", [given, given], "square")
    total = pen.node("ReduceSum", [square, pen.constant(np.array([1], dtype=np.int64), "axis")], "total", keepdims=1)
    product = _product(pen, given, fit.T)
    value = pen.node("Mul", [product, pen.constant(np.full((1, 1), -2.0), "minus_two")], "distances")
    value = pen.node("Add", [value, total], "distances")
    squares = np.einsum("ij,ij->i", fit, fit)[np.newaxis]
    value = pen.node("Add", [value, pen.constant(squares, "squares")], "distances")
    value = _not_negative(pen, value)
    if missing_fit.any():
        value = pen.node("Sub", [value, _product(pen, square, missing_fit.T.astype(np.float64))], "distances")
    value = pen.node("Sub", [value, _product(pen, flags, (fit * fit).T)], "distances")
    value = _not_negative(pen, value)
    present = pen.node("Sub", [pen.constant(np.ones((1, 1)), "one"), flags], "present")
    count = _product(pen, present, (~missing_fit).T.astype(np.float64))
    mean = pen.node("Div", [value, count], "mean")
    scaled = pen.node("Mul", [mean, pen.constant(np.full((1, 1), float(columns.width)), "width")], "scaled")
    nothing = pen.node("Equal", [count, pen.constant(np.zeros((1, 1)), "zero")], "nothing")
    return pen.node("Where", [nothing, pen.constant(np.full((1, 1), np.inf), "far"), scaled], "distances")


def _product(pen: Pen, value: str, matrix: NDArray[Any]) -> str:
    return pen.node("MatMul", [value, pen.constant(np.ascontiguousarray(matrix), "donors")], "product")


def _not_negative(pen: Pen, value: str) -> str:
    return pen.node("Max", [value, pen.constant(np.zeros((1, 1)), "zero")], "distances")


def _imputed(pen: Pen, model: KNNImputer, raw: str, distances: str, at: int) -> str:
    """Return one column, shape (N, 1), with the donors' mean where it is missing."""
    missing_fit = np.asarray(model._mask_fit_X)[:, at]
    donors = np.flatnonzero(~missing_fit)
    values = np.asarray(model._fit_X, dtype=np.float64)[donors, at]
    if len(donors) < len(missing_fit):
        distances = pen.node("Gather", [distances, pen.constant(donors.astype(np.int64), "donors")], "near", axis=1)
    count = pen.constant(np.array([min(model.n_neighbors, len(donors))], dtype=np.int64), "neighbours")
    nearest, places = pen.nodes("TopK", [distances, count], 2, axis=1, largest=0, sorted=1)
    weights = _weights(pen, model.weights, nearest)
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    chosen = pen.node("Gather", [pen.constant(values, "values"), places], "chosen")
    weighed = pen.node("ReduceSum", [pen.node("Mul", [chosen, weights]), axis], "weighed", keepdims=1)
    weight = pen.node("ReduceSum", [weights, axis], "weight", keepdims=1)
    alone = pen.node("Equal", [weight, pen.constant(np.zeros((1, 1)), "zero")], "alone")
    mean = pen.constant(np.full((1, 1), np.ma.array(values).mean()), "mean")
    value = pen.node("Where", [alone, mean, pen.node("Div", [weighed, weight])], "neighbourly")
    return pen.node("Where", [pen.node("IsNaN", [raw], "missing"), value, raw], "imputed")


def _weights(pen: Pen, weights: str, nearest: str) -> str:
    """Return how much each donor counts: nothing where it is infinitely far, all where it is at the place itself."""
    if weights == "uniform":
        far = pen.node("IsInf", [nearest], "far")
        return pen.cast(pen.node("Not", [far], "near"))
    distance = pen.node("Sqrt", [nearest], "distance")
    inverse = pen.node("Div", [pen.constant(np.ones((1, 1)), "one"), distance], "inverse")
    here = pen.cast(pen.node("IsInf", [inverse], "here"))
    any_here = pen.node("ReduceMax", [here, pen.constant(np.array([1], dtype=np.int64), "axis")], "any", keepdims=1)
    only = pen.node("Greater", [any_here, pen.constant(np.zeros((1, 1)), "zero")], "only")
    return pen.node("Where", [only, here, inverse], "weights")
