"""Writes DateParts of tabento.transformers.date_parts: the transformer's own arithmetic as nodes.

Digits: Floor, Add, Sub, Mul and Div of ONNX Runtime are those of IEEE 754 in double, as NumPy's are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabento.export.graph.values import Columns, numbers
from tabento.export.graph.writer import GraphWriter
from tabento.export.registry import transformer
from tabento.transformers.date_parts import DateParts, date_parts


@dataclass(frozen=True)
class _Term:
    """A value of the graph, float64 of shape (N, width), with Python's operators; each operation is a node."""

    writer: GraphWriter
    name: str
    width: int

    def _node(self, operator: str, *operands: str) -> _Term:
        name = self.writer.node(operator, [self.name, *operands], "date")
        # Stored, because the passes would otherwise follow every path through these nodes to find it.
        self.writer.graph.widths[name] = self.width
        return _Term(self.writer, name, self.width)

    def _with(self, operator: str, other: _Term | float) -> _Term:
        second = other.name if isinstance(other, _Term) else self.writer.constant(np.full((1, 1), other), "number")
        return self._node(operator, second)

    def __add__(self, other: _Term | float) -> _Term:
        return self._with("Add", other)

    def __sub__(self, other: _Term | float) -> _Term:
        return self._with("Sub", other)

    def __mul__(self, other: _Term | float) -> _Term:
        return self._with("Mul", other)

    def __truediv__(self, other: _Term | float) -> _Term:
        return self._with("Div", other)

    def floor(self) -> _Term:
        """Return the largest integer that is not greater."""
        return self._node("Floor")


@transformer(DateParts)
def write_date_parts(writer: GraphWriter, model: DateParts, columns: Columns) -> Columns:
    """Write every part of every column, and select the requested ones."""
    writer.require_numbers(columns)
    writer.refuse_machine_dependent(columns, "the parts of a date would depend on", "the timestamp as it was sent")
    terms = date_parts(_Term(writer, columns.name, columns.width), model.computed_, _Term.floor)
    joined = writer.concatenate([term.name for term in terms.values()])
    places = writer.constant(np.asarray(model.places_, np.int64), "columns")
    return numbers(writer.node("Gather", [joined, places], "date_parts", axis=1), len(model.places_))
