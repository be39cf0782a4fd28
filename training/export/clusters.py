"""Clusters as columns: the distances to the centres of k-means, bit for bit as scikit-learn computes them.

``euclidean_distances`` takes |x|² - 2 x·c + |c|². The product has the bits of BLAS, see ``training.export.links``. |x|² is
NumPy's ``einsum``: two lanes, one for every other column, and groups of eight columns that are added up from behind.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.utils.extmath import row_norms

from training.export.linear import doubles, require_present
from training.export.links import product
from training.export.pen import Pen
from training.export.registry import transformer
from training.export.values import Columns, numbers

LANES = 2
"""How many numbers NumPy's ``einsum`` adds side by side."""
GROUP = 8
"""How many columns it takes at once, the last of them first."""
INSTEAD = "ClusterSimilarity, or the columns themselves"
SEED = 7


@transformer(KMeans, MiniBatchKMeans)
def distances_to_centres(pen: Pen, model: KMeans | MiniBatchKMeans, columns: Columns) -> Columns:
    """The distance to each centre."""
    require_present(pen, model, columns)
    centres = doubles(pen, model.cluster_centers_)
    squares = pen.constant(row_norms(centres, squared=True)[np.newaxis], "squares")
    crossed = product(pen, columns.name, -2.0 * centres.T)
    value = pen.node("Add", [crossed, squared_length(pen, columns.name, columns.width)], "squared")
    value = pen.node("Add", [value, squares], "squared")
    value = pen.node("Max", [value, pen.constant(np.zeros((1, 1)), "zero")], "squared")
    distance = pen.node("Sqrt", [value], "distance")
    if columns.sparse:
        pen.unsettle(distance, "distances from rows of a sparse matrix, which SciPy adds up in another way", INSTEAD)
    elif not adds_as_numpy(columns.width):
        pen.unsettle(distance, "distances of KMeans, whose sums this machine's NumPy adds up in another order", INSTEAD)
    return numbers(distance, len(centres))


def adding_order(width: int) -> NDArray[np.int64]:
    """Return the columns in the order in which each lane adds them, shape (steps, ``LANES``); ``width`` means none."""
    steps = [np.arange(start, start + LANES) for start in range(0, width, LANES)]
    grouped = width // GROUP * GROUP // LANES
    size = GROUP // LANES
    order = [step for start in range(0, grouped, size) for step in reversed(steps[start : start + size])]
    places = np.array(order + steps[grouped:], dtype=np.int64)
    return np.minimum(places, width)


def squared_length(pen: Pen, value: str, width: int) -> str:
    """Return the sum of the squares of each row, (N, 1), as ``numpy.einsum`` adds up an array whose rows are contiguous."""
    if width % LANES:
        value = pen.node("Pad", [value, pen.constant(np.array([0, 0, 0, 1], dtype=np.int64), "pads")], "padded")
    lanes = pen.node("Gather", [value, pen.constant(adding_order(width), "lanes")], "lanes", axis=1)
    square = pen.node("Mul", [lanes, lanes], "square")
    axis = pen.constant(np.array([1], dtype=np.int64), "axis")
    # ONNX Runtime adds up a middle axis in its order.
    each = pen.node("ReduceSum", [square, axis], "sums", keepdims=0)
    return pen.node("ReduceSum", [each, axis], "length", keepdims=1)


def adds_as_numpy(width: int) -> bool:
    """Say whether this machine's NumPy adds squares up in the order of ``adding_order``, without fused multiply-adds."""
    rows = np.random.default_rng(SEED).normal(size=(64, width))
    squares = np.concatenate([rows * rows, np.zeros((len(rows), 1))], axis=1)
    lanes = np.zeros((len(rows), LANES))
    for places in adding_order(width):
        lanes = lanes + squares[:, places]
    return bool((lanes.sum(axis=1) == row_norms(rows, squared=True)).all())
