"""Checks that converters of several modules share: no texts, no missing values, no float32.

Digits: a converter writes float64 only, so a fitted attribute in float32 is refused, not widened.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tabento.export.analysis.column_origin import refuse_missing
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter


def doubles(writer: GraphWriter, values: Any) -> NDArray[np.float64]:
    """Return a fitted attribute as a dense float64 array.

    Raises:
        ExportError: it is float32, so the estimator computes in float32, which the graph does not.
    """
    dense = values.toarray() if sparse.issparse(values) else np.asarray(values)
    if dense.dtype in (np.float32, np.float16):
        raise writer.refusal(f"it was fitted on {dense.dtype} columns", "transformers that give float64, fitted again")
    return np.asarray(dense, dtype=np.float64)


def require_present(writer: GraphWriter, model: Any, columns: Columns) -> None:
    """Refuse an estimator that would receive strings, or a missing value on which it raises.

    Raises:
        ExportError: a column holds categories, or the contract lets it be missing and no step imputes it.
    """
    writer.require_numbers(columns)
    refuse_missing(writer, columns, type(model).__name__)
