"""Discretisers: numbers become the bins that they lie in."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import Binarizer, KBinsDiscretizer

from training.export.arrivals import refuse_missing
from training.export.lookup import Pieces, below, look_up
from training.export.pen import Pen
from training.export.registry import transformer
from training.export.values import Columns, numbers


@transformer(KBinsDiscretizer)
def bins(pen: Pen, model: KBinsDiscretizer, columns: Columns) -> Columns:
    """The number of inner edges at or below a value, or one column per bin.

    Bins rise with the value, so that trees behind them, and the edges behind a monotone function, are folded.
    """
    pen.require_numbers(columns)
    refuse_missing(pen, columns, "KBinsDiscretizer")
    pen.require_settled(columns, "its bins would hang on", "the columns themselves in front of it")
    if model.dtype is not None and np.dtype(model.dtype) != np.float64:
        raise pen.refusal(f"it bins in {np.dtype(model.dtype).name}", "dtype=None")
    inner = [np.asarray(edges, dtype=np.float64)[1:-1] for edges in model.bin_edges_]
    pieces = [Pieces(below(edges), np.arange(len(edges) + 1.0), np.nan) for edges in inner]
    binned = look_up(pen, columns.name, pieces)
    pen.monotone(binned, columns.name, [partial(_bin, edges) for edges in inner], certain=True)
    if model.encode == "ordinal":
        return numbers(binned, columns.width)
    counts = [len(known) for known in model._encoder.categories_]
    each = np.concatenate([np.arange(count, dtype=np.float64) for count in counts])
    positions = np.repeat(np.arange(columns.width), counts)
    repeated = pen.node("Gather", [binned, pen.constant(positions.astype(np.int64), "columns")], "bins", axis=1)
    same = pen.node("Equal", [repeated, pen.constant(each[np.newaxis], "numbers")], "same")
    encoded, sparse = pen.cast(same), model.encode == "onehot"
    return Columns(encoded, (None,) * len(each), sparse=sparse, stored=encoded if sparse else None)


def _bin(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.searchsorted(edges, values, side="right").astype(np.float64)


@transformer(Binarizer)
def binarizer(pen: Pen, model: Binarizer, columns: Columns) -> Columns:
    """1 above the threshold, else 0."""
    pen.require_numbers(columns)
    refuse_missing(pen, columns, "Binarizer")
    pen.require_settled(columns, "its threshold would decide about", "the columns themselves in front of it")
    threshold = float(model.threshold)
    piece = Pieces(np.array([threshold]), np.array([0.0, 1.0]), np.nan)
    value = look_up(pen, columns.name, [piece] * columns.width)
    pen.monotone(value, columns.name, [partial(_above, threshold)] * columns.width, certain=True)
    # Of a sparse matrix it drops the entries that become 0.
    stored = value if columns.sparse else None
    return Columns(value, (None,) * columns.width, sparse=columns.sparse, stored=stored)


def _above(threshold: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (values > threshold).astype(np.float64)
