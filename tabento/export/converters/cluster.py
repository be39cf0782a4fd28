"""Writes KMeans, MiniBatchKMeans and FeatureAgglomeration of sklearn.cluster as transformers.

Digits: distances to centres have scikit-learn's bits. ``euclidean_distances`` computes |x|² - 2 x·c + |c|². The product
has the bits of BLAS, see ``tabento.export.formulas.links``. |x|² is NumPy's ``einsum``: two lanes, one for every other
column, and groups of eight columns that are added from the last to the first. Groups of features are added in order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import FeatureAgglomeration, KMeans, MiniBatchKMeans
from sklearn.utils.extmath import row_norms

from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.links import product
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer

LANES = 2
"""The number of sums that NumPy's ``einsum`` adds in parallel."""
GROUP = 8
"""The number of columns of one step of ``einsum``, which starts with the last of them."""
ALTERNATIVE = "ClusterSimilarity, or the columns themselves"
SEED = 7


@transformer(KMeans, MiniBatchKMeans)
def distances_to_centres(writer: GraphWriter, model: KMeans | MiniBatchKMeans, columns: Columns) -> Columns:
    """Write the distance to each centre."""
    require_present(writer, model, columns)
    centres = doubles(writer, model.cluster_centers_)
    squares = writer.constant(row_norms(centres, squared=True)[np.newaxis], "squares")
    crossed = product(writer, columns.name, -2.0 * centres.T)
    value = writer.node("Add", [crossed, squared_length(writer, columns.name, columns.width)], "squared")
    value = writer.node("Add", [value, squares], "squared")
    value = writer.node("Max", [value, writer.constant(np.zeros((1, 1)), "zero")], "squared")
    distance = writer.node("Sqrt", [value], "distance")
    if columns.sparse:
        writer.mark_machine_dependent(
            distance, "distances from rows of a sparse matrix, which SciPy adds up in another way", ALTERNATIVE
        )
    elif not adds_as_numpy(columns.width):
        writer.mark_machine_dependent(
            distance, "distances of KMeans, whose sums NumPy on this computer adds in another order", ALTERNATIVE
        )
    return numbers(distance, len(centres))


def adding_order(width: int) -> NDArray[np.int64]:
    """Return the order in which each lane adds the columns, shape (steps, ``LANES``); the entry ``width`` means no column."""
    steps = [np.arange(start, start + LANES) for start in range(0, width, LANES)]
    grouped = width // GROUP * GROUP // LANES
    size = GROUP // LANES
    order = [step for start in range(0, grouped, size) for step in reversed(steps[start : start + size])]
    order_of_columns = np.array(order + steps[grouped:], dtype=np.int64)
    return np.minimum(order_of_columns, width)


def squared_length(writer: GraphWriter, value: str, width: int) -> str:
    """Return the sum of the squares of each row, (N, 1), in the order of ``numpy.einsum`` for contiguous rows."""
    if width % LANES:
        value = writer.node("Pad", [value, writer.constant(np.array([0, 0, 0, 1], dtype=np.int64), "pads")], "padded")
    lanes = writer.node("Gather", [value, writer.constant(adding_order(width), "lanes")], "lanes", axis=1)
    square = writer.node("Mul", [lanes, lanes], "square")
    axis = writer.constant(np.array([1], dtype=np.int64), "axis")
    # ONNX Runtime adds along a middle axis in order.
    lane_sums = writer.node("ReduceSum", [square, axis], "sums", keepdims=0)
    return writer.node("ReduceSum", [lane_sums, axis], "length", keepdims=1)


def adds_as_numpy(width: int) -> bool:
    """Return whether NumPy on this computer adds squares in ``adding_order``, without fused multiply-adds."""
    rows = np.random.default_rng(SEED).normal(size=(64, width))
    squares = np.concatenate([rows * rows, np.zeros((len(rows), 1))], axis=1)
    lanes = np.zeros((len(rows), LANES))
    for places in adding_order(width):
        lanes = lanes + squares[:, places]
    return bool((lanes.sum(axis=1) == row_norms(rows, squared=True)).all())


@transformer(FeatureAgglomeration)
def feature_agglomeration(writer: GraphWriter, model: FeatureAgglomeration, columns: Columns) -> Columns:
    """Write the mean of each group of columns, added column by column, or its maximum or minimum."""
    require_present(writer, model, columns)
    if columns.sparse:
        raise writer.refusal("FeatureAgglomeration raises on a sparse matrix", "sparse_output=False in front of it")
    labels = np.asarray(model.labels_)
    parts = []
    for label in np.unique(labels):
        group = np.flatnonzero(labels == label).tolist()
        group_columns = writer.pick(columns, group).name
        if model.pooling_func is np.mean:
            parts.append(_mean_in_order(writer, group_columns, len(group)))
        elif model.pooling_func in (np.max, np.min):
            axis = writer.constant(np.array([1], dtype=np.int64), "axis")
            operator = "ReduceMax" if model.pooling_func is np.max else "ReduceMin"
            parts.append(writer.node(operator, [group_columns, axis], "pooled", keepdims=1))
        else:
            raise writer.refusal("its pooling_func is not known", "pooling_func=np.mean")
    value = writer.concatenate(parts)
    writer.graph.widths[value] = len(parts)
    return numbers(value, len(parts))


def _mean_in_order(writer: GraphWriter, value: str, width: int) -> str:
    """Return the mean of each row, added from the first column to the last, shape (N, 1)."""
    if width == 1:
        return value
    places = [writer.constant(np.array([index], dtype=np.int64), "column") for index in range(width)]
    total = writer.node("Sum", [writer.node("Gather", [value, place], "column", axis=1) for place in places], "total")
    return writer.node("Div", [total, writer.constant(np.full((1, 1), float(width)), "width")], "mean")
