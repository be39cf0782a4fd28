"""Writes KNeighborsRegressor and KNeighborsClassifier of sklearn.neighbors: distances to all training rows, then the nearest.

Digits: the nearest rows follow from differences, as scikit-learn's trees (``kd_tree``, ``ball_tree``) compute them, bit for
bit. Of equally far rows the graph takes those of scikit-learn's search, see ``tabento.export.formulas.nearest_rows``.

Brute force has that rule only for some metrics and sizes. Its Euclidean distances are |x|² - 2x·p + |p|², whose last bits
depend on the number of rows of the batch, and more than 256 training rows are divided among threads. Such a search is
refused if rows at the resolution of the training data can tie.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.neighbors import BallTree, KDTree, KNeighborsClassifier, KNeighborsRegressor

from tabento.export.analysis.data_resolution import max_queried_rows, rows_on_grid, ties_among
from tabento.export.analysis.inexact_sums import refuse_discontinuities
from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.class_indices import labels_of_groups
from tabento.export.formulas.distances import Metric
from tabento.export.formulas.links import divide_by_row_sum, label_of_largest, row_sum
from tabento.export.formulas.nearest_rows import Search, nearest_rows
from tabento.export.formulas.search_order import SearchTree, search_tree
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import BOOL, GraphWriter
from tabento.export.registry import classifier, regressor

ONE_CHUNK = 256
"""Up to this number of training rows brute force visits them on one thread, in their order."""
METRICS = {
    "chebyshev": math.inf,
    "cityblock": 1.0,
    "euclidean": 2.0,
    "l1": 1.0,
    "l2": 2.0,
    "manhattan": 1.0,
}
"""The supported metrics besides Minkowski's, as powers of the differences."""

WEIGHTED = "sums of weights by distance, whose last bits depend on the order in which NumPy adds them up"
EQUAL_WEIGHTS = "weights='uniform'"


@regressor(KNeighborsRegressor)
def neighbours_regressor(writer: GraphWriter, model: KNeighborsRegressor, columns: Columns) -> str:
    """Write the mean of the nearest targets, or their mean weighted by 1 / distance."""
    targets = np.asarray(model._y, dtype=np.float64).reshape(len(model._y), -1)
    nearest, weights = _nearest(writer, model, columns, targets)
    values = writer.node("Gather", [writer.constant(targets, "targets"), nearest], "values", axis=0)
    axis = writer.constant(np.array([1], dtype=np.int64), "axis")
    if weights is None:
        return writer.node("ReduceMean", [values, axis], "mean", keepdims=0)
    mean = writer.node("Div", [_weighted_sums(writer, values, weights), row_sum(writer, weights)], "mean")
    writer.mark_machine_dependent(mean, WEIGHTED, EQUAL_WEIGHTS)
    return mean


@classifier(KNeighborsClassifier)
def neighbours_classifier(writer: GraphWriter, model: KNeighborsClassifier, columns: Columns) -> Scores:
    """Write the votes of the nearest rows, with the weight 1 or 1 / distance; the first of equal classes wins."""
    counts = [len(own) for own in model.classes_] if model.outputs_2d_ else [len(model.classes_)]
    count = sum(counts)
    learned = np.asarray(model._y).reshape(len(model._y), -1)
    targets = np.concatenate([np.eye(own)[learned[:, index]] for index, own in enumerate(counts)], axis=1)
    nearest, weights = _nearest(writer, model, columns, targets)
    values = writer.node("Gather", [writer.constant(targets, "classes"), nearest], "values", axis=0)
    if weights is None:
        axis = writer.constant(np.array([1], dtype=np.int64), "axis")
        votes = writer.node("ReduceSum", [values, axis], "votes", keepdims=0)
        if model.outputs_2d_:
            return labels_of_groups(writer, votes, counts)
        total = writer.constant(np.full((1, 1), float(model.n_neighbors)), "neighbours")
        return Scores(label_of_largest(writer, votes), writer.node("Div", [votes, total], "share"))
    exact = _in_eights(writer, values, weights, int(model.n_neighbors), count)
    if model.outputs_2d_:
        return labels_of_groups(writer, exact, counts)
    votes = _weighted_sums(writer, values, weights)
    chances = divide_by_row_sum(writer, votes, count)
    writer.mark_machine_dependent(chances, WEIGHTED, EQUAL_WEIGHTS)
    return Scores(label_of_largest(writer, exact), chances)


def _weighted_sums(writer: GraphWriter, values: str, weights: str) -> str:
    """Return Σ weight · value over the neighbours: (N, K, T) and (N, K) become (N, T)."""
    last = writer.constant(np.array([2], dtype=np.int64), "axis")
    product = writer.node("Mul", [values, writer.node("Unsqueeze", [weights, last], "tall")], "weighted")
    return writer.node(
        "ReduceSum", [product, writer.constant(np.array([1], dtype=np.int64), "axis")], "sum", keepdims=0
    )


def _in_eights(writer: GraphWriter, values: str, weights: str, neighbours: int, classes: int) -> str:
    """Return the votes as ``predict`` adds them: from 8 on NumPy adds every eighth number, then these sums in pairs.

    The last bit decides between two classes with the same votes. More than 128 are added in their order, because NumPy
    splits them again. (N, K, C) and (N, K) become (N, C).
    """
    n_grouped = neighbours // 8 * 8
    if not n_grouped or neighbours > 128:
        return _weighted_sums(writer, values, weights)
    last, middle = (writer.constant(np.array([axis], dtype=np.int64), "axis") for axis in (2, 1))
    product = writer.node("Mul", [values, writer.node("Unsqueeze", [weights, last], "tall")], "weighted")
    first = writer.node("Gather", [product, writer.constant(np.arange(n_grouped, dtype=np.int64), "places")], axis=1)
    shape = writer.constant(np.array([-1, n_grouped // 8, 8, classes], dtype=np.int64), "shape")
    sums = writer.node("ReduceSum", [writer.node("Reshape", [first, shape]), middle], "sums", keepdims=0)
    for size in (8, 4, 2):
        even = np.arange(0, size, 2, dtype=np.int64)
        pair = [writer.node("Gather", [sums, writer.constant(side, "places")], axis=1) for side in (even, even + 1)]
        sums = writer.node("Add", pair, "sums")
    total = writer.node("Squeeze", [sums, middle], "votes")
    for index in range(n_grouped, neighbours):
        place = writer.constant(np.array(index, dtype=np.int64), "place")
        total = writer.node("Add", [total, writer.node("Gather", [product, place], axis=1)], "votes")
    return total


def _nearest(writer: GraphWriter, model: Any, columns: Columns, targets: NDArray[np.float64]) -> tuple[str, str | None]:
    """Return the indices of the nearest training rows, (N, K), and their weights, (N, K), or None for equal weights."""
    require_present(writer, model, columns)
    refuse_discontinuities(writer, columns, "the nearest training rows would depend on")
    if model.weights not in ("uniform", "distance", None):
        raise writer.refusal("its weights are a function of one's own", "weights='uniform' or weights='distance'")
    metric = metric_of(writer, model)
    points = training_rows(writer, model)
    count = int(model.n_neighbors)
    if count > len(points):
        raise writer.refusal(
            f"it asks for {count} neighbours of {len(points)} training rows", f"n_neighbors={len(points)} at most"
        )
    euclidean = model._fit_method == "brute" and model.effective_metric_ == "euclidean"
    if euclidean and np.any(points % 1) and len(np.unique(targets, axis=0)) > 1:
        raise writer.refusal(
            "with algorithm='brute' (which 'auto' takes for many columns and sparse ones) distances are made of products,"
            " and the order in which the processor adds them up decides between neighbours",
            "algorithm='kd_tree', behind sparse_output=False if the columns are sparse",
        )
    if model._fit_method == "brute" and not _in_order(model, len(points)):
        _refuse_ties(writer, model, points, targets, metric)
    search = Search(points, targets, count, metric, tree_of(writer, model))
    places, reduced = nearest_rows(writer, search, columns.name)
    if model.weights != "distance":
        return places, None
    # A row equal to training rows takes their mean; the others have weight 0 then.
    return places, inverse_distances(writer, metric.root(writer, reduced, count))


def inverse_distances(writer: GraphWriter, distance: str) -> str:
    """Return 1 / distance, (N, K); for a row equal to training rows 1 for these and 0 for the others."""
    inverse = writer.node("Div", [writer.constant(np.ones((1, 1)), "one"), distance], "inverse")
    on_point = writer.cast(writer.node("IsInf", [inverse], "on_point"))
    axis = writer.constant(np.array([1], dtype=np.int64), "axis")
    any_on_point = writer.cast(writer.node("ReduceMax", [on_point, axis], "any", keepdims=1), BOOL)
    return writer.node("Where", [any_on_point, on_point, inverse], "weights")


def metric_of(writer: GraphWriter, model: Any) -> Metric:
    """Return the metric of a fitted search.

    Raises:
        ExportError: the metric has no conversion, or weights columns.
    """
    parameters, name = model.effective_metric_params_, model.effective_metric_
    if parameters.get("w") is not None:
        raise writer.refusal("its metric weighs columns", "a StandardScaler in front, without metric_params")
    if name == "minkowski":
        return Metric(float(parameters["p"]))
    exponent = METRICS.get(name) if isinstance(name, str) else None
    if exponent is None:
        label = name if isinstance(name, str) else "of one's own"
        raise writer.refusal(f"nothing is known about the metric {label!r}", "metric='minkowski' or metric='chebyshev'")
    return Metric(exponent)


def training_rows(writer: GraphWriter, model: Any) -> NDArray[np.float64]:
    """Return the training rows of a fitted search, (S, D).

    Raises:
        ExportError: it was fitted on a tree instead of rows, or on float32.
    """
    if not (sparse.issparse(model._fit_X) or isinstance(model._fit_X, np.ndarray)):
        raise writer.refusal("it was fitted on a tree of its own instead of rows", "the rows themselves in `fit`")
    return doubles(writer, model._fit_X)


def tree_of(writer: GraphWriter, model: Any) -> SearchTree | None:
    """Return the tree of a fitted search, or None for brute force.

    Raises:
        ExportError: the tree is of an unknown kind.
    """
    if model._fit_method == "brute":
        return None
    if type(model._tree) not in (KDTree, BallTree):
        raise writer.refusal(
            f"nothing is known about the order in which {type(model._tree).__name__} searches", "algorithm='kd_tree'"
        )
    return search_tree(model._tree)


def _in_order(model: Any, count: int) -> bool:
    """Return whether brute force compares distances of differences and visits the training rows in their order."""
    dense = isinstance(model._fit_X, np.ndarray) and model._fit_X.dtype == np.float64
    if not dense or model.effective_metric_ == "euclidean":
        return False
    # Votes of equal weight have a search of their own, which divides the queried rows among threads, not the training rows.
    votes = isinstance(model, KNeighborsClassifier) and model.weights == "uniform"
    return votes or count <= ONE_CHUNK


def _refuse_ties(
    writer: GraphWriter, model: Any, points: NDArray[np.float64], targets: NDArray[np.float64], metric: Metric
) -> None:
    """Refuse brute force if rows at the resolution of the data have equally far neighbours."""
    size = float((points**2).sum(axis=1).max(initial=0.0))

    def distances(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        if metric.largest:
            return np.asarray(cdist(rows, points, "chebyshev"))
        if metric.exponent == 2.0:
            return np.asarray(cdist(rows, points, "sqeuclidean"))
        return np.asarray(cdist(rows, points, "minkowski", p=metric.exponent))

    def slack(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        # Products of about this magnitude are added, one for each column, and most of the sum cancels.
        magnitude = (rows**2).sum(axis=1) + size
        unit = np.finfo(np.float64).eps * (points.shape[1] + 4)
        return np.asarray(unit * (magnitude if metric.exponent == 2.0 else np.sqrt(magnitude)))

    rows = rows_on_grid(points, targets, max_queried_rows(len(points)))
    ties = ties_among(rows, distances, targets, int(model.n_neighbors), slack)
    if ties is not None:
        raise writer.refusal(
            f"{ties.count} of {ties.queried} rows at the resolution of its training rows have equally far neighbours with"
            f" different targets, one of them is {ties.example.tolist()}, and which of these counts in"
            " algorithm='brute' depends on rounding and threads",
            "algorithm='kd_tree'",
        )
