"""Writes NearestCentroid of sklearn.neighbors: each class is the mean, or the median, of its training rows.

Digits: scikit-learn expands squared distances into products, and so does the graph.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestCentroid

from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.distances import Metric
from tabento.export.formulas.links import column, label_of_largest, product, row_sum, softmax
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier

METRICS = {"euclidean": 2.0, "manhattan": 1.0}
"""The metrics of scikit-learn 1.9, as powers of the differences."""


@classifier(NearestCentroid)
def nearest_centroid(writer: GraphWriter, model: NearestCentroid, columns: Columns) -> Scores:
    """Write the class of the nearest centroid, or of the best score if priors differ.

    With equal priors ``predict`` compares plain distances, while ``predict_proba`` and ``decision_function`` divide columns by
    their deviation inside the classes. They may name another class, here as in scikit-learn.
    """
    require_present(writer, model, columns)
    if model.metric not in METRICS:
        raise writer.refusal(
            f"nothing is known about the metric {model.metric!r}", "metric='euclidean' or metric='manhattan'"
        )
    centroids, priors = doubles(writer, model.centroids_), doubles(writer, model.class_prior_)
    equal = bool(np.isclose(priors, 1 / len(priors)).all())
    if not equal and (priors == 0).any():
        raise writer.refusal("a class has the prior 0", "priors above 0")
    scores = "" if equal and model.metric != "euclidean" else _scores(writer, model, columns.name, centroids, priors)
    label = _nearest(writer, columns.name, centroids, model.metric) if equal else label_of_largest(writer, scores)
    if model.metric != "euclidean":
        return Scores(label)
    decision = scores
    if len(priors) == 2:
        decision = writer.node("Sub", [column(writer, scores, 1), column(writer, scores, 0)], "decision")
    return Scores(label, softmax(writer, scores), decision)


def _nearest(writer: GraphWriter, value: str, centroids: NDArray[np.float64], metric: str) -> str:
    """Return the index of the nearest centroid, the first of equal ones: (N, D) becomes (N, 1), float64.

    scikit-learn expands squares into products, so the graph does the same.
    """
    if metric == "manhattan":
        distance = Metric(1.0).reduced(writer, value, centroids)
    else:
        doubled_product = product(writer, value, -2.0 * centroids.T)
        own = row_sum(writer, writer.node("Mul", [value, value], "square"))
        squares = writer.constant(np.einsum("ij,ij->i", centroids, centroids)[np.newaxis], "squares")
        distance = writer.node("Add", [writer.node("Add", [own, doubled_product]), squares], "distance")
    return writer.cast(writer.node("ArgMin", [distance], "nearest", axis=1, keepdims=1))


def _scores(
    writer: GraphWriter, model: NearestCentroid, value: str, centroids: NDArray[np.float64], priors: NDArray[np.float64]
) -> str:
    """Return -distance² + 2 log prior, (N, C); columns are divided by their deviation first."""
    deviation = doubles(writer, model.within_class_std_dev_)
    divisor = np.where(deviation != 0, deviation, 1.0)
    scaled = writer.node("Div", [value, writer.constant(divisor[np.newaxis], "deviation")], "scaled")
    metric = Metric(METRICS[model.metric])
    reduced = metric.reduced(writer, scaled, centroids / divisor)
    squared = reduced if metric.exponent == 2.0 else writer.node("Mul", [reduced, reduced], "squared")
    fixed = writer.constant(2.0 * np.log(priors)[np.newaxis], "priors")
    return writer.node("Sub", [fixed, squared], "scores")
