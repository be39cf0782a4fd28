"""Writes RadiusNeighborsRegressor and RadiusNeighborsClassifier of sklearn.neighbors: all training rows inside a radius.

Digits: rows on the border are decided as in scikit-learn's trees. All rows of a node that ends inside the radius are
inside, no row of a node that begins outside is, and else each row is compared; the three tests round in different ways.
Source: ``_query_radius_single`` in ``sklearn/neighbors/_binary_tree.pxi.tp`` of scikit-learn 1.9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import RadiusNeighborsClassifier, RadiusNeighborsRegressor

from tabento.export.analysis.inexact_sums import refuse_discontinuities
from tabento.export.converters.neighbors.k_neighbors import metric_of, training_rows, tree_of
from tabento.export.converters.shared_checks import require_present
from tabento.export.formulas.distances import Metric, to_power
from tabento.export.formulas.links import label_of_largest, product, row_sum
from tabento.export.formulas.search_order import SearchTree
from tabento.export.graph.values import Columns, Scores
from tabento.export.graph.writer import BOOL, GraphWriter
from tabento.export.registry import classifier, regressor


@regressor(RadiusNeighborsRegressor)
def radius_regressor(writer: GraphWriter, model: RadiusNeighborsRegressor, columns: Columns) -> str:
    """Write the mean of the targets inside, or their mean weighted by 1 / distance; NaN without any, as in scikit-learn."""
    neighbours = _find_neighbourhood(writer, model, columns)
    learned = np.asarray(model._y).reshape(len(model._y), -1)
    targets = np.asarray(learned, dtype=np.float64)[neighbours.rows]
    mean = writer.node(
        "Div", [product(writer, neighbours.weights, targets), row_sum(writer, neighbours.weights)], "mean"
    )
    with np.errstate(invalid="ignore"):
        empty_answer = np.full_like(learned[:1], np.nan).astype(np.float64)  # integer targets have no NaN
    return writer.node("Where", [neighbours.empty, writer.constant(empty_answer, "nothing"), mean], "answer")


@classifier(RadiusNeighborsClassifier)
def radius_classifier(writer: GraphWriter, model: RadiusNeighborsClassifier, columns: Columns) -> Scores:
    """Write votes of the rows inside with the weight 1 or 1 / distance; without any row the label for outliers."""
    if model.outputs_2d_:
        raise writer.refusal("it gives several labels a row", "one classifier per label")
    if model.outlier_label_ is None:
        raise writer.refusal(
            "it raises on a row without a training row inside the radius", "outlier_label='most_frequent'"
        )
    places = np.flatnonzero(np.asarray(model.classes_) == model.outlier_label_[0])
    if len(places) != 1:
        raise writer.refusal(
            f"outlier_label={model.outlier_label_[0]!r} is not one of its classes", "outlier_label='most_frequent'"
        )
    neighbours = _find_neighbourhood(writer, model, columns)
    count = len(model.classes_)
    classes = np.eye(count)[np.asarray(model._y).reshape(-1)][neighbours.rows]
    if model.weights == "distance":
        # Added row by row, in the order of the search: the last bit may decide between two classes.
        last, middle = (writer.constant(np.array([axis], dtype=np.int64), "axis") for axis in (2, 1))
        tall = writer.node("Unsqueeze", [neighbours.weights, last], "tall")
        class_values = writer.node("Mul", [tall, writer.constant(classes, "classes")], "each")
        votes = writer.node("ReduceSum", [class_values, middle], "votes", keepdims=0)
    else:
        votes = product(writer, neighbours.weights, classes)
    share = writer.node("Div", [votes, row_sum(writer, votes)], "share")
    outlier = writer.constant(np.eye(count)[places], "outlier")
    probabilities = writer.node("Where", [neighbours.empty, outlier, share], "probabilities")
    return Scores(label_of_largest(writer, probabilities), probabilities)


@dataclass(frozen=True)
class _Neighbourhood:
    """The training rows inside the radius."""

    rows: NDArray[np.int64]
    """(S,) the indices of the training rows in the order of the search."""
    weights: str
    """float64 (N, S) the weight of each training row, 0 outside."""
    empty: str
    """bool (N, 1) whether no training row is inside."""


def _find_neighbourhood(writer: GraphWriter, model: Any, columns: Columns) -> _Neighbourhood:
    require_present(writer, model, columns)
    refuse_discontinuities(writer, columns, "which training rows are inside of the radius would depend on")
    if model.weights not in ("uniform", "distance", None):
        raise writer.refusal("its weights are a function of one's own", "weights='uniform' or weights='distance'")
    metric, points, tree = metric_of(writer, model), training_rows(writer, model), tree_of(writer, model)
    if tree is None:
        raise writer.refusal(
            "whether a row on the border of the radius counts in algorithm='brute' depends on rounding",
            "algorithm='kd_tree'",
        )
    radius = float(model.radius)
    reduced = metric.reduced(writer, columns.name, points[tree.rows])
    border = radius**2 if metric.exponent == 2.0 else radius
    if metric.exponent not in (1.0, 2.0) and not metric.largest:
        border = math.pow(radius, metric.exponent)
    within_border = writer.node("LessOrEqual", [reduced, writer.constant(np.full((1, 1), border), "border")], "near")
    certainly_inside, certainly_outside = _decided_nodes(writer, tree, metric, columns.name, radius)
    is_inside = writer.node(
        "Or", [certainly_inside, writer.node("And", [within_border, writer.node("Not", [certainly_outside])])], "inside"
    )
    flags = writer.cast(is_inside)
    axis = writer.constant(np.array([1], dtype=np.int64), "axis")
    zero = writer.constant(np.zeros((1, 1)), "zero")
    empty = writer.node("Equal", [writer.node("ReduceMax", [flags, axis], keepdims=1), zero], "empty")
    if model.weights != "distance":
        return _Neighbourhood(tree.rows, flags, empty)
    distance = metric.root(writer, reduced, len(points))
    at_zero = writer.node("And", [is_inside, writer.node("Equal", [distance, zero])], "here")
    any_at_zero = writer.cast(writer.node("ReduceMax", [writer.cast(at_zero), axis], "some", keepdims=1), BOOL)
    inverse = writer.node("Div", [writer.constant(np.ones((1, 1)), "one"), distance], "inverse")
    inverse = writer.node("Where", [is_inside, inverse, zero], "inverse")
    return _Neighbourhood(
        tree.rows, writer.node("Where", [any_at_zero, writer.cast(at_zero), inverse], "weights"), empty
    )


def _decided_nodes(writer: GraphWriter, tree: SearchTree, metric: Metric, value: str, radius: float) -> tuple[str, str]:
    """Return for each row of a tree whether a node that contains it is fully inside, and whether one is fully outside.

    Both are bool of shape (N, S). The first such node on the path from the root to the leaf decides.
    """
    smallest, largest = _limits(writer, tree, metric, value)
    border = writer.constant(np.full((1, 1), radius), "radius")
    all_outside = writer.node("Greater", [smallest, border], "out")
    all_inside = writer.node(
        "And", [writer.node("LessOrEqual", [largest, border]), writer.node("Not", [all_outside])], "whole"
    )
    wholes, outs = "", ""
    first, count = 0, 1
    while first < tree.nodes:
        level_nodes = writer.constant(np.arange(first, first + count, dtype=np.int64), "nodes")
        own_whole, own_out = (writer.node("Gather", [flag, level_nodes], axis=1) for flag in (all_inside, all_outside))
        if wholes:
            above = writer.constant(np.arange(count, dtype=np.int64) // 2, "parents")
            parent_whole, parent_out = (writer.node("Gather", [flag, above], axis=1) for flag in (wholes, outs))
            open_ = writer.node("Not", [writer.node("Or", [parent_whole, parent_out])], "open")
            own_whole = writer.node("Or", [parent_whole, writer.node("And", [open_, own_whole])])
            own_out = writer.node("Or", [parent_out, writer.node("And", [open_, own_out])])
        wholes, outs = own_whole, own_out
        first, count = first + count, 2 * count
    leaves = writer.constant(tree.leaf_of_position, "leaves")
    whole_leaves, out_leaves = (writer.node("Gather", [flag, leaves], axis=1) for flag in (wholes, outs))
    return whole_leaves, out_leaves


def _limits(writer: GraphWriter, tree: SearchTree, metric: Metric, value: str) -> tuple[str, str]:
    """Return the smallest and the largest distance of each row from each node, (N, nodes) each."""
    if tree.ball:
        distance = metric.root(writer, metric.reduced(writer, value, tree.lower), tree.nodes)
        radii = writer.constant(tree.radii[np.newaxis], "radii")
        zero = writer.constant(np.zeros((1, 1)), "zero")
        return writer.node("Max", [writer.node("Sub", [distance, radii]), zero]), writer.node("Add", [distance, radii])
    ends = [
        metric.reduced_from_boxes(writer, value, tree.lower, tree.upper, farthest=farthest)
        for farthest in (False, True)
    ]
    if metric.exponent == 1.0 or metric.largest:
        return ends[0], ends[1]
    smallest, largest = (to_power(writer, end, 1.0 / metric.exponent, tree.nodes) for end in ends)
    return smallest, largest
