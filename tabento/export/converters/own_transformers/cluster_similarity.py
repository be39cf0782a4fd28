"""Writes ClusterSimilarity of tabento.transformers.cluster_similarity.

Digits: squared distances are added in the transformer's order, so the label of the nearest centre is exact; the
exponential agrees with NumPy up to its last bits.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from onnx import TensorProto

from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer
from tabento.transformers.cluster_similarity import ClusterSimilarity, similarity


@transformer(ClusterSimilarity)
def cluster_similarity(writer: GraphWriter, model: ClusterSimilarity, columns: Columns) -> Columns:
    """Write exp(-gamma · Σ (x - c)²): squared distances to K centres over a (N, D, K) tensor.

    ONNX Runtime's ReduceSum over a middle axis adds in order, as the transformer does. So the label, the first of the smallest
    distances, is the same even between two centres.
    """
    writer.require_numbers(columns)
    centres = np.asarray(model.centres_, dtype=np.float64)
    count, dimensions = centres.shape
    places = writer.constant(np.arange(dimensions, dtype=np.int64)[:, np.newaxis], "columns")
    place = writer.node("Gather", [columns.name, places], "place", axis=1)
    difference = writer.node("Sub", [place, writer.constant(centres.T.copy(), "centres")], "difference")
    square = writer.node("Mul", [difference, difference], "square")
    axis = writer.constant(np.array([1], dtype=np.int64), "axis")
    squared = writer.node("ReduceSum", [square, axis], "squared_distance", keepdims=0)
    gamma = float(model.gamma)
    exponent = writer.node("Mul", [squared, writer.constant(np.full((1, 1), -gamma), "gamma")], "exponent")
    result = writer.node("Exp", [exponent], "similarity")
    writer.mark_inexact(result, "the similarity to a cluster's centre", "the same without clusters, or trees")
    writer.monotone(result, squared, [partial(similarity, gamma=gamma)] * count, increasing=False, domain=(0.0, np.inf))
    if not model.label:
        return numbers(result, count)
    writer.refuse_machine_dependent(
        columns, "the number of the nearest centre would depend on", "SimpleImputer in front of it, or label=False"
    )
    nearest = writer.node("ArgMin", [squared], "nearest", axis=1, keepdims=1)
    label = writer.node("Cast", [nearest], "cluster_label", to=TensorProto.DOUBLE)
    return numbers(writer.node("Concat", [result, label], "clusters", axis=1), count + 1)
