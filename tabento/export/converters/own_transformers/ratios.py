"""Writes Ratios of tabento.transformers.ratios.

Digits: one division in double for each ratio.
"""

from __future__ import annotations

import numpy as np

from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer
from tabento.transformers.ratios import Ratios


@transformer(Ratios)
def ratios(writer: GraphWriter, model: Ratios, columns: Columns) -> Columns:
    """Write the quotient, or NaN if the denominator is 0."""
    writer.require_numbers(columns)
    top = writer.node("Gather", [columns.name, writer.constant(np.asarray(model.numerators_, np.int64))], "top", axis=1)
    bottom = writer.node(
        "Gather", [columns.name, writer.constant(np.asarray(model.denominators_, np.int64))], "bottom", axis=1
    )
    quotient = writer.node("Div", [top, bottom], "quotient")
    zero = writer.node("Equal", [bottom, writer.constant(np.zeros((1, 1)), "zero")], "zero")
    result = writer.node("Where", [zero, writer.constant(np.full((1, 1), np.nan), "nan"), quotient], "ratios")
    writer.graph.overflowing[result] = "a quotient"
    return numbers(result, len(model.numerators_))
