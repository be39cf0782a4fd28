"""Refuses LocalOutlierFactor of sklearn.neighbors: its answer depends on the order of scikit-learn's search."""

from __future__ import annotations

from typing import Any

from sklearn.neighbors import LocalOutlierFactor

from tabento.export.graph.values import Scores
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import classifier


@classifier(LocalOutlierFactor)
def local_outlier_factor(writer: GraphWriter, *_: Any) -> Scores:
    """Refuse it: among equally far training rows, the first ones of the search decide.

    Raises:
        ExportError: always.
    """
    raise writer.refusal(
        "LocalOutlierFactor compares densities around the nearest training rows, and which of equally far ones count is"
        " left to the order of the search",
        "IsolationForest or OneClassSVM",
    )
