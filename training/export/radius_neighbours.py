"""Neighbours inside a radius: what all training rows say that are at most so far.

Whether a row on the border counts is decided as scikit-learn's trees decide it: a node that ends inside the radius counts
as a whole, one that begins outside not at all, and only else each row is looked at; the three round in their own ways.
Source: ``_query_radius_single`` in ``sklearn/neighbors/_binary_tree.pxi.tp`` of scikit-learn 1.9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import RadiusNeighborsClassifier, RadiusNeighborsRegressor

from training.export.distances import Metric, to_power
from training.export.linear import require_present
from training.export.links import highest, product, row_sum
from training.export.neighbours import metric_of, training_rows, tree_of
from training.export.pen import BOOL, Pen
from training.export.registry import classifier, regressor
from training.export.search_order import SearchTree
from training.export.sums import refuse_jumps
from training.export.values import Columns, Scores


@regressor(RadiusNeighborsRegressor)
def radius_regressor(pen: Pen, model: RadiusNeighborsRegressor, columns: Columns) -> str:
    """The mean of the targets inside, or their mean weighted by 1 / distance; NaN, as in scikit-learn, without any."""
    inside = _inside(pen, model, columns)
    given = np.asarray(model._y).reshape(len(model._y), -1)
    targets = np.asarray(given, dtype=np.float64)[inside.rows]
    mean = pen.node("Div", [product(pen, inside.weights, targets), row_sum(pen, inside.weights)], "mean")
    with np.errstate(invalid="ignore"):
        nothing = np.full_like(given[:1], np.nan).astype(np.float64)  # whole targets have no NaN
    return pen.node("Where", [inside.empty, pen.constant(nothing, "nothing"), mean], "answer")


@classifier(RadiusNeighborsClassifier)
def radius_classifier(pen: Pen, model: RadiusNeighborsClassifier, columns: Columns) -> Scores:
    """Each row inside votes with the weight 1 or 1 / distance; without any it is the label for outliers."""
    if model.outputs_2d_:
        raise pen.refusal("it gives several labels a row", "one classifier per label")
    if model.outlier_label_ is None:
        raise pen.refusal(
            "it raises on a row without a training row inside the radius", "outlier_label='most_frequent'"
        )
    places = np.flatnonzero(np.asarray(model.classes_) == model.outlier_label_[0])
    if len(places) != 1:
        raise pen.refusal(
            f"outlier_label={model.outlier_label_[0]!r} is not one of its classes", "outlier_label='most_frequent'"
        )
    inside = _inside(pen, model, columns)
    count = len(model.classes_)
    classes = np.eye(count)[np.asarray(model._y).reshape(-1)][inside.rows]
    if model.weights == "distance":
        # Added row by row, in the order of the search: the last bit may decide between two classes.
        last, middle = (pen.constant(np.array([axis], dtype=np.int64), "axis") for axis in (2, 1))
        tall = pen.node("Unsqueeze", [inside.weights, last], "tall")
        each = pen.node("Mul", [tall, pen.constant(classes, "classes")], "each")
        votes = pen.node("ReduceSum", [each, middle], "votes", keepdims=0)
    else:
        votes = product(pen, inside.weights, classes)
    share = pen.node("Div", [votes, row_sum(pen, votes)], "share")
    outlier = pen.constant(np.eye(count)[places], "outlier")
    probabilities = pen.node("Where", [inside.empty, outlier, share], "probabilities")
    return Scores(highest(pen, probabilities), probabilities)


@dataclass(frozen=True)
class _Inside:
    """The training rows inside the radius."""

    rows: NDArray[np.int64]
    """(S,) the numbers of the training rows in the order of the search."""
    weights: str
    """float64 (N, S) how much each of them counts, 0 outside."""
    empty: str
    """bool (N, 1) whether there is none."""


def _inside(pen: Pen, model: Any, columns: Columns) -> _Inside:
    require_present(pen, model, columns)
    refuse_jumps(pen, columns, "which training rows are inside of the radius would hang on")
    if model.weights not in ("uniform", "distance", None):
        raise pen.refusal("its weights are a function of one's own", "weights='uniform' or weights='distance'")
    metric, points, tree = metric_of(pen, model), training_rows(pen, model), tree_of(pen, model)
    if tree is None:
        raise pen.refusal(
            "whether a row on the border of the radius counts in algorithm='brute' hangs on rounding",
            "algorithm='kd_tree'",
        )
    radius = float(model.radius)
    reduced = metric.reduced(pen, columns.name, points[tree.rows])
    border = radius**2 if metric.exponent == 2.0 else radius
    if metric.exponent not in (1.0, 2.0) and not metric.largest:
        border = math.pow(radius, metric.exponent)
    near = pen.node("LessOrEqual", [reduced, pen.constant(np.full((1, 1), border), "border")], "near")
    whole, out = _decided(pen, tree, metric, columns.name, radius)
    inside = pen.node("Or", [whole, pen.node("And", [near, pen.node("Not", [out])])], "inside")
    flags = pen.cast(inside)
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    zero = pen.constant(np.zeros((1, 1)), "zero")
    empty = pen.node("Equal", [pen.node("ReduceMax", [flags, axis], keepdims=1), zero], "empty")
    if model.weights != "distance":
        return _Inside(tree.rows, flags, empty)
    distance = metric.root(pen, reduced, len(points))
    here = pen.node("And", [inside, pen.node("Equal", [distance, zero])], "here")
    some = pen.cast(pen.node("ReduceMax", [pen.cast(here), axis], "some", keepdims=1), BOOL)
    inverse = pen.node("Div", [pen.constant(np.ones((1, 1)), "one"), distance], "inverse")
    inverse = pen.node("Where", [inside, inverse, zero], "inverse")
    return _Inside(tree.rows, pen.node("Where", [some, pen.cast(here), inverse], "weights"), empty)


def _decided(pen: Pen, tree: SearchTree, metric: Metric, value: str, radius: float) -> tuple[str, str]:
    """Return for each place of a tree whether a node around it counts as a whole, and whether it is left out.

    Both are bool of shape (N, S). The first node on the way from the root to the leaf that says so decides.
    """
    least, most = _limits(pen, tree, metric, value)
    border = pen.constant(np.full((1, 1), radius), "radius")
    out = pen.node("Greater", [least, border], "out")
    whole = pen.node("And", [pen.node("LessOrEqual", [most, border]), pen.node("Not", [out])], "whole")
    wholes, outs = "", ""
    first, count = 0, 1
    while first < tree.nodes:
        here = pen.constant(np.arange(first, first + count, dtype=np.int64), "nodes")
        own_whole, own_out = (pen.node("Gather", [flag, here], axis=1) for flag in (whole, out))
        if wholes:
            above = pen.constant(np.arange(count, dtype=np.int64) // 2, "parents")
            parent_whole, parent_out = (pen.node("Gather", [flag, above], axis=1) for flag in (wholes, outs))
            open_ = pen.node("Not", [pen.node("Or", [parent_whole, parent_out])], "open")
            own_whole = pen.node("Or", [parent_whole, pen.node("And", [open_, own_whole])])
            own_out = pen.node("Or", [parent_out, pen.node("And", [open_, own_out])])
        wholes, outs = own_whole, own_out
        first, count = first + count, 2 * count
    leaves = pen.constant(tree.leaf_of_place, "leaves")
    whole, out = (pen.node("Gather", [flag, leaves], axis=1) for flag in (wholes, outs))
    return whole, out


def _limits(pen: Pen, tree: SearchTree, metric: Metric, value: str) -> tuple[str, str]:
    """Return the smallest and the largest distance of each row from each node, (N, nodes) each."""
    if tree.ball:
        distance = metric.root(pen, metric.reduced(pen, value, tree.lower), tree.nodes)
        radii = pen.constant(tree.radii[np.newaxis], "radii")
        zero = pen.constant(np.zeros((1, 1)), "zero")
        return pen.node("Max", [pen.node("Sub", [distance, radii]), zero]), pen.node("Add", [distance, radii])
    ends = [
        metric.reduced_from_boxes(pen, value, tree.lower, tree.upper, farthest=farthest) for farthest in (False, True)
    ]
    if metric.exponent == 1.0 or metric.largest:
        return ends[0], ends[1]
    least, most = (to_power(pen, end, 1.0 / metric.exponent, tree.nodes) for end in ends)
    return least, most
