"""Sums: answers whose last bits hang on the order in which a machine adds, and what may not stand behind them.

BLAS adds a product with a matrix in one order, a product with a single column in another, and ONNX Runtime adds a third
way; an exponential has another last bit in each library. That is rounding, until a tree splits on it: the row then takes
another branch, of which scikit-learn itself is sure. Such columns are marked here as inexact; trees and bins behind them
are refused by name (``training.export.exactness``), and so are neighbours and votes, which jump as trees do.

Products with a matrix are marked where they are written (``links.product``), estimators by ``registry.adds_up``; here are the
transformers whose sums are neither.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, NuSVC

from training.export.exactness import inexact_columns
from training.export.pen import Pen
from training.export.values import Columns

ALWAYS = {
    "FactorAnalysis": "factors",
    "SparsePCA": "components",
    "MiniBatchSparsePCA": "components",
    "IncrementalPCA": "components",
    "PowerTransformer": "powers",
}
"""Transformers whose answers are such sums, whatever their width."""
NOISE = "a component of PCA without variance"
GROWTH_MAX = 1e10
"""Enlarged so much, the rounding of a sum, about 1e-16, leaves six digits: no answer behind it can be proven."""


def mark_transformed(pen: Pen, model: Any, columns: Columns, result: Columns) -> None:
    """Mark a transformer's columns if they are such sums.

    Args:
        model: the fitted transformer.
        columns: what it sees.
        result: what its converter returned.
    """
    kind = type(model).__name__
    if kind in ALWAYS:
        pen.inexact(result.name, f"{kind}'s {ALWAYS[kind]}", f"the trees without {kind} in front of them")
    elif kind == "QuantileTransformer" and model.output_distribution == "normal":
        pen.inexact(result.name, "QuantileTransformer's normal quantiles", "output_distribution='uniform'")
    elif kind == "PCA" and columns.sparse:
        pen.inexact(result.name, "PCA's components of a sparse matrix", "sparse_output=False in front of it")


def mark_components(pen: Pen, model: PCA | IncrementalPCA, value: str) -> None:
    """Mark the components that are nothing but rounding: those of columns that say the same, such as all of a one-hot.

    Raises:
        ExportError: they are whitened, which makes numbers of usual size of the rounding.
    """
    variances = np.maximum(np.asarray(model.explained_variance_, dtype=np.float64), 0.0)
    size = np.sqrt(variances.sum() + np.square(np.asarray(model.mean_, dtype=np.float64)).sum())
    noise = np.sqrt(variances) * GROWTH_MAX < size
    if not noise.any():
        return
    fewer = f"n_components={max(int((~noise).sum()), 1)}"
    if model.whiten:
        raise pen.refusal(
            f"{int(noise.sum())} of its components have no variance, and whitening enlarges their rounding", fewer
        )
    pen.inexact(value, NOISE, f"{fewer} in PCA", noise.tolist())


def refuse_noise(pen: Pen, columns: Columns) -> None:
    """Refuse a scaler of columns that are nothing but rounding.

    Raises:
        ExportError: there is such a column.
    """
    if NOISE in (inexact_columns(pen.graph, columns.name) or ()):
        raise pen.refusal(f"it would enlarge {NOISE}, which is nothing but rounding", pen.graph.remedies[NOISE])


def refuse_jumps(pen: Pen, columns: Columns, what: str) -> None:
    """Refuse a step whose answer jumps with the last bits of what it sees.

    Args:
        columns: what the step sees.
        what: what would hang on them, as the beginning of a sentence: "the nearest training rows would hang on".

    Raises:
        ExportError: the last bits of a column hang on the library or the machine.
    """
    pen.require_settled(columns, what, "other steps in front of it")
    names = inexact_columns(pen.graph, columns.name)
    first = next((name for name in names or () if name), None)
    if first is None:
        return
    step = first.partition("'")[0]
    raise pen.refusal(f"{what} {first}, whose last bits differ between libraries", f"the same without {step} in front")


def refuse_votes(pen: Pen, model: Any, remedy: str) -> None:
    """Refuse a member that votes by the side of 0 of a sum: with each vote, a number of the answer jumps.

    libsvm adds its sums up in one order, so scikit-learn is of one mind even where the last bit decides.

    Args:
        model: the fitted member.
        remedy: what can be exported instead.

    Raises:
        ExportError: it is such a member.
    """
    if isinstance(_last(model), SVC | NuSVC):
        name = type(_last(model)).__name__
        raise pen.refusal(f"{name} votes, and the answer jumps with each vote, by the last bit of a sum", remedy)


def _last(model: Any) -> Any:
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    return model
