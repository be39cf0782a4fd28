"""Writes KBinsDiscretizer of sklearn.preprocessing: numbers become the bins that contain them.

Digits: comparisons with the fitted edges, so the bins are exact.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import KBinsDiscretizer

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.formulas.lookup import StepFunction, boundaries_below, look_up
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer


@transformer(KBinsDiscretizer)
def bins(writer: GraphWriter, model: KBinsDiscretizer, columns: Columns) -> Columns:
    """Write the number of inner edges at or below a value, or one column for each bin.

    Bins rise with the value, so trees after them, and edges after a monotone function, are folded.
    """
    writer.require_numbers(columns)
    refuse_missing(writer, columns, "KBinsDiscretizer")
    writer.refuse_machine_dependent(columns, "its bins would depend on", "the columns themselves in front of it")
    if model.dtype is not None and np.dtype(model.dtype) != np.float64:
        raise writer.refusal(f"it bins in {np.dtype(model.dtype).name}", "dtype=None")
    inner = [np.asarray(edges, dtype=np.float64)[1:-1] for edges in model.bin_edges_]
    pieces = [StepFunction(boundaries_below(edges), np.arange(len(edges) + 1.0), np.nan) for edges in inner]
    binned = look_up(writer, columns.name, pieces)
    writer.monotone(binned, columns.name, [partial(_bin, edges) for edges in inner], certain=True)
    if model.encode == "ordinal":
        return numbers(binned, columns.width)
    counts = [len(categories) for categories in model._encoder.categories_]
    bin_numbers = np.concatenate([np.arange(count, dtype=np.float64) for count in counts])
    positions = np.repeat(np.arange(columns.width), counts)
    repeated = writer.node("Gather", [binned, writer.constant(positions.astype(np.int64), "columns")], "bins", axis=1)
    same = writer.node("Equal", [repeated, writer.constant(bin_numbers[np.newaxis], "numbers")], "same")
    encoded, sparse = writer.cast(same), model.encode == "onehot"
    return Columns(encoded, (None,) * len(bin_numbers), sparse=sparse, stored=encoded if sparse else None)


def _bin(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.searchsorted(edges, values, side="right").astype(np.float64)
