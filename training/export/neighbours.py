"""Nearest neighbours: the distance to every training row, and what the nearest of them say.

Which rows are nearest is decided by differences, as scikit-learn's trees (``kd_tree``, ``ball_tree``) compute them, bit
for bit; of equally far rows the graph takes the ones that scikit-learn's search takes, see ``training.export.nearest``.

Brute force has that rule only for some metrics and sizes. Euclidean distances come from |x|² - 2x·p + |p|² there, whose
last bits hang on the number of rows that are asked about together, and more than 256 training rows are shared among
threads. Such a search is refused if rows at the resolution of the training data can tie.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.neighbors import BallTree, KDTree, KNeighborsClassifier, KNeighborsRegressor

from training.export.distances import Metric
from training.export.linear import doubles, require_present
from training.export.links import highest, row_sum, shares
from training.export.nearest import Search, nearest_rows
from training.export.pen import BOOL, Pen
from training.export.registry import classifier, regressor
from training.export.resolution import room_for, rows_on_grid, ties_among
from training.export.search_order import SearchTree, search_tree
from training.export.sums import refuse_jumps
from training.export.values import Columns, Scores

ONE_CHUNK = 256
"""Up to so many training rows brute force goes through them on one thread, in their order."""
METRICS = {
    "chebyshev": math.inf,
    "cityblock": 1.0,
    "euclidean": 2.0,
    "l1": 1.0,
    "l2": 2.0,
    "manhattan": 1.0,
}
"""The metrics that are known besides Minkowski's, as powers of the differences."""

NEIGHBOURS_BY = "which rows are its neighbours would hang on"
WEIGHTED = "sums of weights by distance, whose last bits hang on the order in which NumPy adds them up"
EQUAL_WEIGHTS = "weights='uniform'"


@regressor(KNeighborsRegressor)
def neighbours_regressor(pen: Pen, model: KNeighborsRegressor, columns: Columns) -> str:
    """The mean of the nearest targets, or their mean weighted by 1 / distance."""
    targets = np.asarray(model._y, dtype=np.float64).reshape(len(model._y), -1)
    nearest, weights = _nearest(pen, model, columns, targets)
    values = pen.node("Gather", [pen.constant(targets, "targets"), nearest], "values", axis=0)
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    if weights is None:
        return pen.node("ReduceMean", [values, axis], "mean", keepdims=0)
    mean = pen.node("Div", [_weighted(pen, values, weights), row_sum(pen, weights)], "mean")
    pen.unsettle(mean, WEIGHTED, EQUAL_WEIGHTS)
    return mean


@classifier(KNeighborsClassifier)
def neighbours_classifier(pen: Pen, model: KNeighborsClassifier, columns: Columns) -> Scores:
    """Each of the nearest votes for its class, with the weight 1 or 1 / distance; the first of equals wins."""
    if model.outputs_2d_:
        raise pen.refusal("it gives several labels a row", "one classifier per label")
    count = len(model.classes_)
    targets = np.eye(count)[np.asarray(model._y).reshape(-1)]
    nearest, weights = _nearest(pen, model, columns, targets)
    values = pen.node("Gather", [pen.constant(targets, "classes"), nearest], "values", axis=0)
    if weights is None:
        axis = pen.constant(np.array([1], dtype=np.int64), "axis")
        votes = pen.node("ReduceSum", [values, axis], "votes", keepdims=0)
        total = pen.constant(np.full((1, 1), float(model.n_neighbors)), "neighbours")
        return Scores(highest(pen, votes), pen.node("Div", [votes, total], "share"))
    votes = _weighted(pen, values, weights)
    label = highest(pen, _in_eights(pen, values, weights, int(model.n_neighbors), count))
    chances = shares(pen, votes, count)
    pen.unsettle(chances, WEIGHTED, EQUAL_WEIGHTS)
    return Scores(label, chances)


def _weighted(pen: Pen, values: str, weights: str) -> str:
    """Return Σ weight · value over the neighbours: (N, K, T) and (N, K) become (N, T)."""
    last = pen.constant(np.array([2], dtype=np.int64), "axis")
    product = pen.node("Mul", [values, pen.node("Unsqueeze", [weights, last], "tall")], "weighted")
    return pen.node("ReduceSum", [product, pen.constant(np.array([1], dtype=np.int64), "axis")], "sum", keepdims=0)


def _in_eights(pen: Pen, values: str, weights: str, neighbours: int, classes: int) -> str:
    """Return the votes as ``predict`` adds them up: from 8 on NumPy adds every eighth number, then these sums in pairs.

    The last bit decides between two classes with the same votes. More than 128 are added in their order: NumPy splits
    them again. (N, K, C) and (N, K) become (N, C).
    """
    whole = neighbours // 8 * 8
    if not whole or neighbours > 128:
        return _weighted(pen, values, weights)
    last, middle = (pen.constant(np.array([axis], dtype=np.int64), "axis") for axis in (2, 1))
    product = pen.node("Mul", [values, pen.node("Unsqueeze", [weights, last], "tall")], "weighted")
    first = pen.node("Gather", [product, pen.constant(np.arange(whole, dtype=np.int64), "places")], axis=1)
    shape = pen.constant(np.array([-1, whole // 8, 8, classes], dtype=np.int64), "shape")
    sums = pen.node("ReduceSum", [pen.node("Reshape", [first, shape]), middle], "sums", keepdims=0)
    for size in (8, 4, 2):
        even = np.arange(0, size, 2, dtype=np.int64)
        pair = [pen.node("Gather", [sums, pen.constant(side, "places")], axis=1) for side in (even, even + 1)]
        sums = pen.node("Add", pair, "sums")
    total = pen.node("Squeeze", [sums, middle], "votes")
    for at in range(whole, neighbours):
        place = pen.constant(np.array(at, dtype=np.int64), "place")
        total = pen.node("Add", [total, pen.node("Gather", [product, place], axis=1)], "votes")
    return total


def _nearest(pen: Pen, model: Any, columns: Columns, targets: NDArray[np.float64]) -> tuple[str, str | None]:
    """Return the numbers of the nearest training rows, (N, K), and their weights, (N, K) or None for equal ones."""
    require_present(pen, model, columns)
    refuse_jumps(pen, columns, "the nearest training rows would hang on")
    if model.weights not in ("uniform", "distance", None):
        raise pen.refusal("its weights are a function of one's own", "weights='uniform' or weights='distance'")
    metric = metric_of(pen, model)
    points = training_rows(pen, model)
    count = int(model.n_neighbors)
    if count > len(points):
        raise pen.refusal(
            f"it asks for {count} neighbours of {len(points)} training rows", f"n_neighbors={len(points)} at most"
        )
    euclidean = model._fit_method == "brute" and model.effective_metric_ == "euclidean"
    if euclidean and np.any(points % 1) and len(np.unique(targets, axis=0)) > 1:
        raise pen.refusal(
            "with algorithm='brute' (which 'auto' takes for many columns and sparse ones) distances are made of products,"
            " and the order in which the machine adds them up decides between neighbours",
            "algorithm='kd_tree', behind sparse_output=False if the columns are sparse",
        )
    if model._fit_method == "brute" and not _in_order(model, len(points)):
        _refuse_ties(pen, model, points, targets, metric)
    search = Search(points, targets, count, metric, tree_of(pen, model))
    places, reduced = nearest_rows(pen, search, columns.name)
    if model.weights != "distance":
        return places, None
    # A row that lies on training rows takes their mean; the others have weight 0 then.
    return places, inverse_distances(pen, metric.root(pen, reduced, count))


def inverse_distances(pen: Pen, distance: str) -> str:
    """Return 1 / distance, (N, K); in a row that lies on training rows 1 for these and 0 for the others."""
    inverse = pen.node("Div", [pen.constant(np.ones((1, 1)), "one"), distance], "inverse")
    on_point = pen.cast(pen.node("IsInf", [inverse], "on_point"))
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    some = pen.cast(pen.node("ReduceMax", [on_point, axis], "any", keepdims=1), BOOL)
    return pen.node("Where", [some, on_point, inverse], "weights")


def metric_of(pen: Pen, model: Any) -> Metric:
    """Return the metric of a fitted search.

    Raises:
        ExportError: it is not one of those that are known, or weighs columns.
    """
    parameters, name = model.effective_metric_params_, model.effective_metric_
    if parameters.get("w") is not None:
        raise pen.refusal("its metric weighs columns", "a StandardScaler in front, without metric_params")
    if name == "minkowski":
        return Metric(float(parameters["p"]))
    exponent = METRICS.get(name) if isinstance(name, str) else None
    if exponent is None:
        shown = name if isinstance(name, str) else "of one's own"
        raise pen.refusal(f"nothing is known about the metric {shown!r}", "metric='minkowski' or metric='chebyshev'")
    return Metric(exponent)


def training_rows(pen: Pen, model: Any) -> NDArray[np.float64]:
    """Return the training rows of a fitted search, (S, D).

    Raises:
        ExportError: it was fitted on a tree instead of rows, or on float32.
    """
    if not (sparse.issparse(model._fit_X) or isinstance(model._fit_X, np.ndarray)):
        raise pen.refusal("it was fitted on a tree of its own instead of rows", "the rows themselves in `fit`")
    return doubles(pen, model._fit_X)


def tree_of(pen: Pen, model: Any) -> SearchTree | None:
    """Return the tree of a fitted search, or None for brute force.

    Raises:
        ExportError: the tree is of a kind that is not known.
    """
    if model._fit_method == "brute":
        return None
    if type(model._tree) not in (KDTree, BallTree):
        raise pen.refusal(
            f"nothing is known about the order in which {type(model._tree).__name__} searches", "algorithm='kd_tree'"
        )
    return search_tree(model._tree)


def _in_order(model: Any, count: int) -> bool:
    """Say whether brute force compares distances by differences and meets the training rows one after the other."""
    dense = isinstance(model._fit_X, np.ndarray) and model._fit_X.dtype == np.float64
    if not dense or model.effective_metric_ == "euclidean":
        return False
    # Votes of equal weight come from a search of their own, which shares rows among threads, never training rows.
    votes = isinstance(model, KNeighborsClassifier) and model.weights == "uniform"
    return votes or count <= ONE_CHUNK


def _refuse_ties(
    pen: Pen, model: Any, points: NDArray[np.float64], targets: NDArray[np.float64], metric: Metric
) -> None:
    """Refuse brute force where rows at the resolution of the data have equally far neighbours."""
    size = float((points**2).sum(axis=1).max(initial=0.0))

    def distances(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        if metric.largest:
            return np.asarray(cdist(rows, points, "chebyshev"))
        if metric.exponent == 2.0:
            return np.asarray(cdist(rows, points, "sqeuclidean"))
        return np.asarray(cdist(rows, points, "minkowski", p=metric.exponent))

    def slack(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        # Products of about this magnitude are added up, one a column, and most of the sum cancels.
        magnitude = (rows**2).sum(axis=1) + size
        unit = np.finfo(np.float64).eps * (points.shape[1] + 4)
        return np.asarray(unit * (magnitude if metric.exponent == 2.0 else np.sqrt(magnitude)))

    rows = rows_on_grid(points, targets, room_for(len(points)))
    ties = ties_among(rows, distances, targets, int(model.n_neighbors), slack)
    if ties is not None:
        raise pen.refusal(
            f"{ties.count} of {ties.asked} rows at the resolution of its training rows have equally far neighbours with"
            f" different targets, one of them is {ties.example.tolist()}, and which of these counts in"
            " algorithm='brute' hangs on rounding and threads",
            "algorithm='kd_tree'",
        )
