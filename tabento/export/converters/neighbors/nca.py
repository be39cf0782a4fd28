"""Writes NeighborhoodComponentsAnalysis of sklearn.neighbors.

Digits: a product in the bits of a batch (``tabento.export.formulas.links.product``).
"""

from __future__ import annotations

from sklearn.neighbors import NeighborhoodComponentsAnalysis

from tabento.export.converters.shared_checks import doubles, require_present
from tabento.export.formulas.links import product
from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer


@transformer(NeighborhoodComponentsAnalysis)
def neighbourhood_components(writer: GraphWriter, model: NeighborhoodComponentsAnalysis, columns: Columns) -> Columns:
    """Write x · components; no mean is subtracted."""
    require_present(writer, model, columns)
    components = doubles(writer, model.components_)
    return numbers(product(writer, columns.name, components.T.copy()), len(components))
