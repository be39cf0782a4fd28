"""Writes KNNImputer of sklearn.impute: the mean of the donors that are nearest in the columns that both rows have.

If two donors are equally far, scikit-learn's choice depends on ``numpy.argpartition``, which has another algorithm for each
kind of processor. So an imputer is refused if rows at the resolution of its training rows have equally far donors with
different values, as with integers. The graph computes the distances to all training rows for every row, so the cost of an
answer grows with their number.

Digits: scikit-learn expands squared distances into products, and the graph computes the same in the same order, so that
both lose the same digits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import KNNImputer
from sklearn.metrics.pairwise import nan_euclidean_distances

from tabento.export.analysis.contract_passes import never_missing
from tabento.export.analysis.data_resolution import MIN_QUERIED_ROWS, max_queried_rows, rows_on_grid, ties_among
from tabento.export.converters.impute.simple import indicators
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer

SEED = 32
MISSING = 0.15
"""The share of missing values in the rows that are searched for ties, in columns that may be missing."""
UNSETTLED = "KNNImputer's means, whose last bits depend on the order in which the partition of NumPy leaves the donors"
"""Reason to refuse trees after it: the branch of a row whose mean is a threshold is unpredictable."""


@transformer(KNNImputer)
def knn_imputer(writer: GraphWriter, model: KNNImputer, columns: Columns) -> Columns:
    """Write the mean of the nearest donors for a missing value, weighted by nearness if the model does so."""
    writer.require_numbers(columns)
    if model.metric != "nan_euclidean" or callable(model.weights):
        raise writer.refusal("its metric or its weights are a function", "metric='nan_euclidean', weights='distance'")
    if not (isinstance(model.missing_values, float) and math.isnan(model.missing_values)):
        raise writer.refusal(f"missing_values={model.missing_values!r}", "missing_values=NaN")
    valid = np.asarray(model._valid_mask)
    if not valid.any():
        raise writer.refusal("no column had a value when it was fitted", "columns with at least one value")
    imputed_columns = [
        index
        for index in range(columns.width)
        if valid[index] and not never_missing(writer.graph, columns.name, writer.contract, [index])
    ]
    _refuse_ties(writer, model, columns, imputed_columns)
    parts = []
    distances = _distances(writer, model, columns) if imputed_columns else ""
    for index in range(columns.width):
        raw = numbers(writer.pick(columns, [index]).name, 1)
        if index in imputed_columns:
            imputed = _imputed(writer, model, raw.name, distances, index)
            writer.graph.machine_dependent[imputed] = UNSETTLED
            parts.append(numbers(imputed, 1))
        elif valid[index]:
            parts.append(raw)
        elif model.keep_empty_features:
            zero = writer.constant(np.zeros((1, 1)), "zero")
            parts.append(numbers(writer.node("Where", [writer.node("IsNaN", [raw.name]), zero, zero], "empty"), 1))
    if model.indicator_ is not None:
        parts.append(indicators(writer, model.missing_values, columns, model.indicator_.features_))
    return writer.join(parts)


def _refuse_ties(writer: GraphWriter, model: KNNImputer, columns: Columns, imputed_columns: list[int]) -> None:
    """Refuse an imputer if rows at the resolution of its training rows have equally far donors with other values.

    Args:
        writer: the writer of the graph.
        model: the fitted imputer.
        columns: the inputs of the imputer.
        imputed_columns: the columns that may be missing.
    """
    fit = np.asarray(model._fit_X, dtype=np.float64)
    generator = np.random.default_rng(SEED)
    size = float(np.nansum(fit**2, axis=1).max(initial=0.0))
    unit = np.finfo(np.float64).eps * (fit.shape[1] + 4) * fit.shape[1]
    for index in imputed_columns:
        donors = fit[~np.isnan(fit[:, index])]
        values = donors[:, [index]]
        rows = rows_on_grid(
            fit, fit[:, [index]], max(max_queried_rows(len(donors)) // len(imputed_columns), MIN_QUERIED_ROWS)
        )
        other_columns = [column for column in imputed_columns if column != index]
        rows[:, other_columns] = np.where(
            generator.random((len(rows), len(other_columns))) < MISSING, np.nan, rows[:, other_columns]
        )
        rows[:, index] = np.nan
        fixed = [
            column for column in range(fit.shape[1]) if column not in imputed_columns and model._valid_mask[column]
        ]
        rows = rows[~np.isnan(rows[:, fixed]).any(axis=1)]

        def distances(sample: NDArray[np.float64], donors: NDArray[np.float64] = donors) -> NDArray[np.float64]:
            squared = nan_euclidean_distances(sample, donors, squared=True)
            return np.asarray(np.where(np.isnan(squared), np.inf, squared))

        def slack(sample: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(unit * (np.nansum(sample**2, axis=1) + size))

        ties = ties_among(rows, distances, values, min(int(model.n_neighbors), len(donors)), slack)
        if ties is not None:
            name = columns.names[index] if columns.names is not None else str(index)
            example = [None if math.isnan(value) else value for value in ties.example.tolist()]
            raise writer.refusal(
                f"{ties.count} of {ties.queried} rows at the resolution of its training rows have equally far donors with"
                f" different values of {name!r}, one of them is {example}, and which donor counts depends on the processor",
                "SimpleImputer, or trees that take missing values themselves",
            )


def _distances(writer: GraphWriter, model: KNNImputer, columns: Columns) -> str:
    """Return squared distances over the columns that both rows have, scaled to all columns: (N, M), infinite without any.

    There is no square root, because it keeps the order.
    """
    missing_fit = np.asarray(model._mask_fit_X)
    fit = np.where(missing_fit, 0.0, np.asarray(model._fit_X, dtype=np.float64))
    missing = writer.node("IsNaN", [columns.name], "missing")
    flags = writer.cast(missing)
    present_values = writer.node("Where", [missing, writer.constant(np.zeros((1, 1)), "zero"), columns.name], "given")
    square = writer.node("Mul", [present_values, present_values], "square")
    total = writer.node(
        "ReduceSum", [square, writer.constant(np.array([1], dtype=np.int64), "axis")], "total", keepdims=1
    )
    product = _product(writer, present_values, fit.T)
    value = writer.node("Mul", [product, writer.constant(np.full((1, 1), -2.0), "minus_two")], "distances")
    value = writer.node("Add", [value, total], "distances")
    squares = np.einsum("ij,ij->i", fit, fit)[np.newaxis]
    value = writer.node("Add", [value, writer.constant(squares, "squares")], "distances")
    value = _not_negative(writer, value)
    if missing_fit.any():
        value = writer.node("Sub", [value, _product(writer, square, missing_fit.T.astype(np.float64))], "distances")
    value = writer.node("Sub", [value, _product(writer, flags, (fit * fit).T)], "distances")
    value = _not_negative(writer, value)
    present = writer.node("Sub", [writer.constant(np.ones((1, 1)), "one"), flags], "present")
    count = _product(writer, present, (~missing_fit).T.astype(np.float64))
    mean = writer.node("Div", [value, count], "mean")
    scaled = writer.node("Mul", [mean, writer.constant(np.full((1, 1), float(columns.width)), "width")], "scaled")
    no_overlap = writer.node("Equal", [count, writer.constant(np.zeros((1, 1)), "zero")], "nothing")
    return writer.node("Where", [no_overlap, writer.constant(np.full((1, 1), np.inf), "far"), scaled], "distances")


def _product(writer: GraphWriter, value: str, matrix: NDArray[Any]) -> str:
    return writer.node("MatMul", [value, writer.constant(np.ascontiguousarray(matrix), "donors")], "product")


def _not_negative(writer: GraphWriter, value: str) -> str:
    return writer.node("Max", [value, writer.constant(np.zeros((1, 1)), "zero")], "distances")


def _imputed(writer: GraphWriter, model: KNNImputer, raw: str, distances: str, index: int) -> str:
    """Return one column, shape (N, 1), with the donors' mean for missing values."""
    missing_fit = np.asarray(model._mask_fit_X)[:, index]
    donors = np.flatnonzero(~missing_fit)
    values = np.asarray(model._fit_X, dtype=np.float64)[donors, index]
    if len(donors) < len(missing_fit):
        distances = writer.node(
            "Gather", [distances, writer.constant(donors.astype(np.int64), "donors")], "near", axis=1
        )
    count = writer.constant(np.array([min(model.n_neighbors, len(donors))], dtype=np.int64), "neighbours")
    nearest, places = writer.nodes("TopK", [distances, count], 2, axis=1, largest=0, sorted=1)
    weights = _weights(writer, model.weights, nearest)
    axis = writer.constant(np.array([1], dtype=np.int64), "axis")
    donor_values = writer.node("Gather", [writer.constant(values, "values"), places], "chosen")
    weighed = writer.node("ReduceSum", [writer.node("Mul", [donor_values, weights]), axis], "weighed", keepdims=1)
    weight = writer.node("ReduceSum", [weights, axis], "weight", keepdims=1)
    alone = writer.node("Equal", [weight, writer.constant(np.zeros((1, 1)), "zero")], "alone")
    mean = writer.constant(np.full((1, 1), np.ma.array(values).mean()), "mean")
    value = writer.node("Where", [alone, mean, writer.node("Div", [weighed, weight])], "neighbourly")
    return writer.node("Where", [writer.node("IsNaN", [raw], "missing"), value, raw], "imputed")


def _weights(writer: GraphWriter, weights: str, nearest: str) -> str:
    """Return the weight of each donor: 0 if it is infinitely far, the total weight for donors at distance 0."""
    if weights == "uniform":
        far = writer.node("IsInf", [nearest], "far")
        return writer.cast(writer.node("Not", [far], "near"))
    distance = writer.node("Sqrt", [nearest], "distance")
    inverse = writer.node("Div", [writer.constant(np.ones((1, 1)), "one"), distance], "inverse")
    at_distance_zero = writer.cast(writer.node("IsInf", [inverse], "here"))
    any_here = writer.node(
        "ReduceMax", [at_distance_zero, writer.constant(np.array([1], dtype=np.int64), "axis")], "any", keepdims=1
    )
    only = writer.node("Greater", [any_here, writer.constant(np.zeros((1, 1)), "zero")], "only")
    return writer.node("Where", [only, at_distance_zero, inverse], "weights")
