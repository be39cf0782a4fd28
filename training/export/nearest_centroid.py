"""The nearest centroid: each class is the mean, or the median, of its training rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestCentroid

from training.export.distances import Metric
from training.export.linear import doubles, require_present
from training.export.links import column, highest, product, row_sum, softmax
from training.export.pen import Pen
from training.export.registry import classifier
from training.export.values import Columns, Scores

METRICS = {"euclidean": 2.0, "manhattan": 1.0}
"""The metrics that scikit-learn 1.9 takes, as powers of the differences."""


@classifier(NearestCentroid)
def nearest_centroid(pen: Pen, model: NearestCentroid, columns: Columns) -> Scores:
    """The class whose centroid is nearest, or the one with the best score where priors differ.

    With equal priors ``predict`` compares plain distances, while ``predict_proba`` and ``decision_function`` divide
    columns by their deviation inside the classes; they may name another class, here as in scikit-learn.
    """
    require_present(pen, model, columns)
    if model.metric not in METRICS:
        raise pen.refusal(
            f"nothing is known about the metric {model.metric!r}", "metric='euclidean' or metric='manhattan'"
        )
    centroids, priors = doubles(pen, model.centroids_), doubles(pen, model.class_prior_)
    equal = bool(np.isclose(priors, 1 / len(priors)).all())
    if not equal and (priors == 0).any():
        raise pen.refusal("a class has the prior 0", "priors above 0")
    scores = "" if equal and model.metric != "euclidean" else _scores(pen, model, columns.name, centroids, priors)
    label = _nearest(pen, columns.name, centroids, model.metric) if equal else highest(pen, scores)
    if model.metric != "euclidean":
        return Scores(label)
    decision = scores
    if len(priors) == 2:
        decision = pen.node("Sub", [column(pen, scores, 1), column(pen, scores, 0)], "decision")
    return Scores(label, softmax(pen, scores), decision)


def _nearest(pen: Pen, value: str, centroids: NDArray[np.float64], metric: str) -> str:
    """Return the index of the nearest centroid, the first of equals: (N, D) becomes (N, 1), float64.

    scikit-learn expands squares into products, so the graph does the same.
    """
    if metric == "manhattan":
        distance = Metric(1.0).reduced(pen, value, centroids)
    else:
        twice = product(pen, value, -2.0 * centroids.T)
        own = row_sum(pen, pen.node("Mul", [value, value], "square"))
        squares = pen.constant(np.einsum("ij,ij->i", centroids, centroids)[np.newaxis], "squares")
        distance = pen.node("Add", [pen.node("Add", [own, twice]), squares], "distance")
    return pen.cast(pen.node("ArgMin", [distance], "nearest", axis=1, keepdims=1))


def _scores(
    pen: Pen, model: NearestCentroid, value: str, centroids: NDArray[np.float64], priors: NDArray[np.float64]
) -> str:
    """Return -distance² + 2 log prior of columns that are divided by their deviation, (N, C)."""
    deviation = doubles(pen, model.within_class_std_dev_)
    divisor = np.where(deviation != 0, deviation, 1.0)
    scaled = pen.node("Div", [value, pen.constant(divisor[np.newaxis], "deviation")], "scaled")
    metric = Metric(METRICS[model.metric])
    reduced = metric.reduced(pen, scaled, centroids / divisor)
    squared = reduced if metric.exponent == 2.0 else pen.node("Mul", [reduced, reduced], "squared")
    fixed = pen.constant(2.0 * np.log(priors)[np.newaxis], "priors")
    return pen.node("Sub", [fixed, squared], "scores")
