"""Sums: answers whose last bits hang on the order in which a machine adds, and what may not stand behind them.

BLAS adds a product with a matrix in one order, a product with a single column in another, and ONNX Runtime adds a third
way; an exponential has another last bit in each library. That is rounding, until a tree splits on it: the row then takes
another branch, of which scikit-learn itself is sure. Such columns are marked here as inexact; trees and bins behind them
are refused by name (``training.export.exactness``), and labels that follow from them are not: a label is decided beyond
rounding, but for knife edges.

A product with two columns or more is left as it is: ONNX Runtime adds it up as BLAS does, and a row on which the two differ is
one on which scikit-learn alone differs from scikit-learn in a batch.
"""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from training.export.graph import TREE_DOMAIN, Graph
from training.export.pen import Pen
from training.export.values import Columns

DISTANCES = "distances to centres"
ALWAYS = {
    "KMeans": DISTANCES,
    "MiniBatchKMeans": DISTANCES,
    "KernelPCA": "components of a kernel",
    "Nystroem": "features of a kernel",
    "RBFSampler": "features of a kernel",
    "FactorAnalysis": "factors",
    "SparsePCA": "components",
    "MiniBatchSparsePCA": "components",
}
"""Transformers whose answers are such sums, whatever their width."""
ONE_COLUMN = (
    "PCA",
    "IncrementalPCA",
    "TruncatedSVD",
    "FastICA",
    "LinearDiscriminantAnalysis",
    "PLSRegression",
    "PLSCanonical",
    "CCA",
    "PLSSVD",
    "GaussianRandomProjection",
    "SparseRandomProjection",
    "NeighborhoodComponentsAnalysis",
)
"""Transformers that multiply by a matrix, which BLAS does in another way if it has a single column."""
ROUNDED = frozenset(
    ["Cos", "Cosh", "Einsum", "Erf", "Exp", "Gemm", "LogSoftmax", "Log", "MatMul", "Pow", "ReduceL2", "ReduceLogSumExp", "ReduceSumSquare", "Sigmoid", "Sin", "Sinh", "Softmax", "Softplus", "Tan", "Tanh"]
)
"""Operators whose last bit differs between libraries."""
DECIDED = frozenset(["ArgMax", "ArgMin", "Equal", "Floor", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Round", "Sign", "TopK"])
"""Operators behind which there are few numbers, far from each other."""


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
    elif kind in ONE_COLUMN and result.width == 1 and columns.width > 1:
        pen.inexact(result.name, f"the only component of {kind}", "two components or more, or trees without it")


def mark_answers(pen: Pen, model: Any, method: str, value: str, source: str) -> None:
    """Mark an estimator's answers, which become columns, if they are such sums.

    Args:
        model: the fitted estimator.
        method: which of its methods answers.
        value: the answers.
        source: the value that the estimator sees.
    """
    if (is_classifier(model) and method == "predict") or not _is_rounded(pen.graph, value, source, {}):
        return
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    kind = type(model).__name__
    remedy = "a final estimator without trees" + (", or stack_method='predict'" if is_classifier(model) else "")
    pen.inexact(value, f"the answers of {kind}", remedy)


def _is_rounded(graph: Graph, value: str, source: str, follows: dict[str, bool]) -> bool:
    """Say whether a value is computed from the source by an operator of ``ROUNDED``, with no decision behind it."""
    pending, seen = [value], {source}
    while pending:
        name = pending.pop()
        node = graph.producer(name)
        if name in seen or node is None or node.domain == TREE_DOMAIN or node.op_type in DECIDED:
            continue
        seen.add(name)
        if node.op_type in ROUNDED and any(_follows(graph, part, source, follows) for part in node.input):
            return True
        pending.extend(node.input)
    return False


def _follows(graph: Graph, value: str, source: str, known: dict[str, bool]) -> bool:
    """Say whether a value is computed from the source with no decision in between."""
    if value == source:
        return True
    if value not in known:
        node = graph.producer(value)
        decided = node is None or node.domain == TREE_DOMAIN or node.op_type in DECIDED
        known[value] = not decided and any(_follows(graph, part, source, known) for part in node.input)
    return known[value]
