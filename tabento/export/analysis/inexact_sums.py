"""Inexact sums: numbers whose last bits depend on the order of additions, and the steps that must not follow them.

BLAS adds a product with a matrix in one order and a product with a single column in another, and ONNX Runtime uses a
third order. An exponential has another last bit in each library. This is harmless rounding unless a tree splits on the
number: the row can then take another branch than in scikit-learn. This module marks such columns of transformers as
inexact. Trees and bins after them are refused by name (``tabento.export.analysis.exactness``), and so are nearest
neighbours and votes, which are discontinuous too.

There are two marks. ``GraphWriter.mark_inexact`` is for numbers that are the same on every computer in scikit-learn; it is
evaluated after folding, for each column. ``GraphWriter.mark_machine_dependent`` is for numbers whose last bits differ
between computers in scikit-learn itself; a discontinuous step is refused as soon as it is written. Matrix products are
marked when they are written (``links.product``), estimators by ``registry.has_inexact_sums``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, NuSVC

from tabento.export.analysis.exactness import inexact_columns
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter

ALWAYS = {
    "FactorAnalysis": "factors",
    "SparsePCA": "components",
    "MiniBatchSparsePCA": "components",
    "IncrementalPCA": "components",
    "PowerTransformer": "powers",
}
"""Transformers whose output always consists of such sums."""
ROUNDING_COMPONENT = "a component of PCA without variance"
GROWTH_MAX = 1e10
"""The largest factor on a sum's rounding, about 1e-16, that leaves six digits. With a larger one no answer can be proven."""


def mark_transformed(writer: GraphWriter, model: Any, columns: Columns, result: Columns) -> None:
    """Mark a transformer's columns as inexact if they are such sums.

    Args:
        writer: the graph writer at the transformer's step.
        model: the fitted transformer.
        columns: the columns that it receives.
        result: the columns that its converter returned.
    """
    kind = type(model).__name__
    if kind in ALWAYS:
        writer.mark_inexact(result.name, f"{kind}'s {ALWAYS[kind]}", f"the trees without {kind} before them")
    elif kind == "QuantileTransformer" and model.output_distribution == "normal":
        writer.mark_inexact(result.name, "QuantileTransformer's normal quantiles", "output_distribution='uniform'")
    elif kind == "PCA" and columns.sparse:
        writer.mark_inexact(
            result.name, "PCA's components of a sparse matrix", "sparse_output=False in the step before it"
        )


def mark_components(writer: GraphWriter, model: PCA | IncrementalPCA, value: str) -> None:
    """Mark the components that consist of rounding only: those of redundant columns, such as all columns of a one-hot code.

    Raises:
        ExportError: PCA whitens them, which enlarges the rounding to numbers of usual size.
    """
    variances = np.maximum(np.asarray(model.explained_variance_, dtype=np.float64), 0.0)
    size = np.sqrt(variances.sum() + np.square(np.asarray(model.mean_, dtype=np.float64)).sum())
    is_rounding = np.sqrt(variances) * GROWTH_MAX < size
    if not is_rounding.any():
        return
    fewer = f"n_components={max(int((~is_rounding).sum()), 1)}"
    if model.whiten:
        raise writer.refusal(
            f"{int(is_rounding.sum())} of its components have no variance, and whitening enlarges their rounding", fewer
        )
    writer.mark_inexact(value, ROUNDING_COMPONENT, f"{fewer} in PCA", is_rounding.tolist())


def refuse_rounding_differences(writer: GraphWriter, columns: Columns) -> None:
    """Refuse a scaler of columns that consist of rounding only.

    Raises:
        ExportError: the scaler receives such a column.
    """
    if ROUNDING_COMPONENT in (inexact_columns(writer.graph, columns.name) or ()):
        raise writer.refusal(
            f"it would enlarge {ROUNDING_COMPONENT}, which consists of rounding only",
            writer.graph.remedies[ROUNDING_COMPONENT],
        )


def refuse_discontinuities(writer: GraphWriter, columns: Columns, effect: str) -> None:
    """Refuse a discontinuous step if the last bits of a column that it receives are not exact.

    Args:
        writer: the graph writer at the step.
        columns: the columns that the step receives.
        effect: the effect, as the beginning of a sentence: "the nearest training rows would depend on".

    Raises:
        ExportError: the last bits of a column depend on the library or the computer.
    """
    writer.refuse_machine_dependent(columns, effect, "other steps before it")
    names = inexact_columns(writer.graph, columns.name)
    first = next((name for name in names or () if name), None)
    if first is None:
        return
    step = first.partition("'")[0]
    raise writer.refusal(
        f"{effect} {first}, whose last bits differ between libraries", f"the same without {step} before it"
    )


def refuse_votes(writer: GraphWriter, model: Any, remedy: str) -> None:
    """Refuse an ensemble member whose vote depends on the sign of a sum: with each vote a number of the answer changes.

    libsvm adds in one fixed order, so scikit-learn gives one answer even if the last bit decides the sign.

    Args:
        writer: the graph writer at the member's step.
        model: the fitted member.
        remedy: the nearest pipeline that can be exported.

    Raises:
        ExportError: the member votes in this way.
    """
    if isinstance(_last_step(model), SVC | NuSVC):
        name = type(_last_step(model)).__name__
        raise writer.refusal(
            f"{name} votes, and the last bit of a sum can change a vote and with it the answer", remedy
        )


def _last_step(model: Any) -> Any:
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    return model
