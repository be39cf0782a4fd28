"""Tabento's own transformers: quotients of columns, and similarity to cluster centres."""

from __future__ import annotations

from functools import partial

import numpy as np
from onnx import TensorProto

from training.export.pen import Pen
from training.export.registry import transformer
from training.export.values import Columns, numbers
from training.transformers.cluster_similarity import ClusterSimilarity, similarity
from training.transformers.ratios import Ratios


@transformer(Ratios)
def ratios(pen: Pen, model: Ratios, columns: Columns) -> Columns:
    """The quotient, or NaN where the denominator is 0."""
    pen.require_numbers(columns)
    top = pen.node("Gather", [columns.name, pen.constant(np.asarray(model.numerators_, np.int64))], "top", axis=1)
    bottom = pen.node(
        "Gather", [columns.name, pen.constant(np.asarray(model.denominators_, np.int64))], "bottom", axis=1
    )
    quotient = pen.node("Div", [top, bottom], "quotient")
    zero = pen.node("Equal", [bottom, pen.constant(np.zeros((1, 1)), "zero")], "zero")
    result = pen.node("Where", [zero, pen.constant(np.full((1, 1), np.nan), "nan"), quotient], "ratios")
    pen.graph.overflowing[result] = "a quotient"
    return numbers(result, len(model.numerators_))


@transformer(ClusterSimilarity)
def cluster_similarity(pen: Pen, model: ClusterSimilarity, columns: Columns) -> Columns:
    """exp(-gamma · Σ (x - c)²): squared distances to K centres over a (N, D, K) tensor.

    ONNX Runtime's ReduceSum over a middle axis adds in order, as the transformer does. So the label, the first of the
    smallest distances, is the same even between two centres.
    """
    pen.require_numbers(columns)
    centres = np.asarray(model.centres_, dtype=np.float64)
    count, dimensions = centres.shape
    places = pen.constant(np.arange(dimensions, dtype=np.int64)[:, np.newaxis], "columns")
    place = pen.node("Gather", [columns.name, places], "place", axis=1)
    difference = pen.node("Sub", [place, pen.constant(centres.T.copy(), "centres")], "difference")
    square = pen.node("Mul", [difference, difference], "square")
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    squared = pen.node("ReduceSum", [square, axis], "squared_distance", keepdims=0)
    gamma = float(model.gamma)
    exponent = pen.node("Mul", [squared, pen.constant(np.full((1, 1), -gamma), "gamma")], "exponent")
    result = pen.node("Exp", [exponent], "similarity")
    pen.inexact(result, "the similarity to a cluster's centre", "the same without clusters, or trees")
    pen.monotone(result, squared, [partial(similarity, gamma=gamma)] * count, increasing=False, domain=(0.0, np.inf))
    if not model.label:
        return numbers(result, count)
    pen.require_settled(
        columns, "the number of the nearest centre would hang on", "SimpleImputer in front of it, or label=False"
    )
    nearest = pen.node("ArgMin", [squared], "nearest", axis=1, keepdims=1)
    label = pen.node("Cast", [nearest], "cluster_label", to=TensorProto.DOUBLE)
    return numbers(pen.node("Concat", [result, label], "clusters", axis=1), count + 1)
