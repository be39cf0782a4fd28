"""Writes Binarizer of sklearn.preprocessing.

Digits: one comparison in double, 1 above the threshold and 0 at or below it.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import Binarizer

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.formulas.lookup import StepFunction, look_up
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer


@transformer(Binarizer)
def binarizer(writer: GraphWriter, model: Binarizer, columns: Columns) -> Columns:
    """Write 1 for values above the threshold, else 0."""
    writer.require_numbers(columns)
    refuse_missing(writer, columns, "Binarizer")
    writer.refuse_machine_dependent(
        columns, "its threshold would decide about", "the columns themselves in front of it"
    )
    threshold = float(model.threshold)
    piece = StepFunction(np.array([threshold]), np.array([0.0, 1.0]), np.nan)
    value = look_up(writer, columns.name, [piece] * columns.width)
    writer.monotone(value, columns.name, [partial(_is_above, threshold)] * columns.width, certain=True)
    # In a sparse matrix the entries that become 0 are removed.
    stored = value if columns.sparse else None
    return Columns(value, (None,) * columns.width, sparse=columns.sparse, stored=stored)


def _is_above(threshold: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return (values > threshold).astype(np.float64)
