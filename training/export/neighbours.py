"""Nearest neighbours: the distance to every training row, and what the nearest of them say.

Which rows are nearest is decided by differences, as the trees of scikit-learn (``kd_tree``, ``ball_tree``) compute them,
bit for bit. ``algorithm='brute'`` takes Euclidean distances from |x|² - 2x·p + |p|² there, which is less exact: a row may
differ where two neighbours are equally far up to that rounding.

Where distances are equal to the last bit, ONNX takes the training row with the lower number, and scikit-learn the one
that its search happens to meet first. So training rows among which that would be the rule are refused: the same point
with different targets, and distances that tie already between training rows, as they do on whole numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from training.export.distances import column_sums, magnitude, power, square
from training.export.linear import doubles, require_present
from training.export.links import highest, row_sum, shares
from training.export.pen import BOOL, Pen
from training.export.registry import classifier, regressor
from training.export.values import Columns, Scores

ASKED = 256
"""How many training rows are asked whether their neighbours tie."""
METRICS = {
    "chebyshev": "chebyshev",
    "cityblock": "cityblock",
    "euclidean": "euclidean",
    "l1": "cityblock",
    "l2": "euclidean",
    "manhattan": "cityblock",
    "minkowski": "minkowski",
}
"""The metrics that are known, and what scipy calls them."""


@regressor(KNeighborsRegressor)
def neighbours_regressor(pen: Pen, model: KNeighborsRegressor, columns: Columns) -> str:
    """The mean of the nearest targets, or their mean weighted by 1 / distance."""
    targets = np.asarray(model._y, dtype=np.float64).reshape(len(model._y), -1)
    nearest, weights = _nearest(pen, model, columns, targets)
    values = pen.node("Gather", [pen.constant(targets, "targets"), nearest], "values", axis=0)
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    if weights is None:
        return pen.node("ReduceMean", [values, axis], "mean", keepdims=0)
    return pen.node("Div", [_weighted(pen, values, weights), row_sum(pen, weights)], "mean")


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
    return Scores(highest(pen, votes), shares(pen, votes, count))


def _weighted(pen: Pen, values: str, weights: str) -> str:
    """Return Σ weight · value over the neighbours: (N, K, T) and (N, K) become (N, T)."""
    last = pen.constant(np.array([2], dtype=np.int64), "axis")
    product = pen.node("Mul", [values, pen.node("Unsqueeze", [weights, last], "tall")], "weighted")
    return pen.node("ReduceSum", [product, pen.constant(np.array([1], dtype=np.int64), "axis")], "sum", keepdims=0)


def _nearest(pen: Pen, model: Any, columns: Columns, targets: NDArray[np.float64]) -> tuple[str, str | None]:
    """Return the numbers of the nearest training rows, (N, K), and their weights, (N, K) or None for equal ones."""
    require_present(pen, model, columns)
    if model.weights not in ("uniform", "distance", None):
        raise pen.refusal("its weights are a function of one's own", "weights='uniform' or weights='distance'")
    points = doubles(pen, model._fit_X)
    distance = _distances(pen, model, columns.name, points)
    _refuse_repetitions(pen, points, targets)
    _refuse_ties(pen, model, points, targets)
    count = pen.constant(np.array([model.n_neighbors], dtype=np.int64), "neighbours")
    values, places = pen.nodes("TopK", [distance, count], 2, axis=1, largest=0, sorted=1)
    if model.weights != "distance":
        return places, None
    # A row that lies on training rows takes their mean; the others have weight 0 then.
    far = _reduced(pen, model, values)
    one = pen.constant(np.ones((1, 1)), "one")
    inverse = pen.node("Div", [one, far], "inverse")
    on_point = pen.cast(pen.node("IsInf", [inverse], "on_point"))
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    some = pen.cast(pen.node("ReduceMax", [on_point, axis], "any", keepdims=1), BOOL)
    return places, pen.node("Where", [some, on_point, inverse], "weights")


def _refuse_repetitions(pen: Pen, points: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
    """Refuse a training set in which one point stands with different targets."""
    distinct = len(np.unique(points, axis=0))
    if distinct == len(points):
        return
    together = len(np.unique(np.hstack([points, targets]), axis=0))
    if together != distinct:
        raise pen.refusal(
            f"{together - distinct} of its training rows repeat another one's columns with another target, and which of"
            " equally near rows counts is left to the order of the search",
            "training rows without repetitions, their targets averaged, or more columns",
        )


def _refuse_ties(pen: Pen, model: Any, points: NDArray[np.float64], targets: NDArray[np.float64]) -> None:
    """Refuse training rows some of which have several others at the very distance where their neighbours end."""
    count = int(model.n_neighbors)
    if len(points) <= count + 1:
        return
    asked = np.random.default_rng(0).choice(len(points), min(len(points), ASKED), replace=False)
    extra = {"p": model.effective_metric_params_["p"]} if model.effective_metric_ == "minkowski" else {}
    distance = cdist(points[asked], points, METRICS[model.effective_metric_], **extra)
    # The row itself is the first; so its neighbours end behind place ``count``.
    nearest = np.argsort(distance, axis=1, kind="stable")[:, count : count + 2]
    inside, outside = nearest[:, 0], nearest[:, 1]
    rows = np.arange(len(asked))
    tied = distance[rows, inside] == distance[rows, outside]
    ties = int((tied & (targets[inside] != targets[outside]).any(axis=1)).sum())
    if ties:
        raise pen.refusal(
            f"{ties} of {len(asked)} training rows have equally far neighbours, and which of them counts is left to the"
            " order of the search",
            "a metric that sums over columns of real numbers, or a tree",
        )


def _distances(pen: Pen, model: Any, value: str, points: NDArray[np.float64]) -> str:
    """Return distances to all points, (N, S), up to the root that ``_reduced`` takes: the order is the same."""
    if model.effective_metric_params_.get("w") is not None:
        raise pen.refusal("its metric weighs columns", "a StandardScaler in front, without metric_params")
    metric = model.effective_metric_
    kind = METRICS.get(metric) if isinstance(metric, str) else None
    if kind is None:
        shown = metric if isinstance(metric, str) else "of one's own"
        raise pen.refusal(f"nothing is known about the metric {shown!r}", f"one of {sorted(METRICS)}")
    if kind == "minkowski":
        term = power(float(model.effective_metric_params_["p"]))
    else:
        term = square if kind == "euclidean" else magnitude
    return column_sums(pen, value, points, term, largest=kind == "chebyshev")


def _reduced(pen: Pen, model: Any, distance: str) -> str:
    """Take the root that makes a sum of powers a distance."""
    metric = model.effective_metric_
    if metric in ("euclidean", "l2"):
        return pen.node("Sqrt", [distance])
    if metric == "minkowski":
        exponent = 1.0 / float(model.effective_metric_params_["p"])
        return pen.node("Pow", [distance, pen.constant(np.full((1, 1), exponent), "exponent")])
    return distance
