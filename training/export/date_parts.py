"""Parts of dates: the transformer's own arithmetic, written as nodes.

Floor, Add, Sub, Mul and Div of ONNX Runtime are those of IEEE 754 in double, as NumPy's are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.export.pen import Pen
from training.export.registry import transformer
from training.export.values import Columns, numbers
from training.transformers.date_parts import DateParts, date_parts


@dataclass(frozen=True)
class _Term:
    """A value of the graph, float64 of shape (N, width), with which one calculates; each operation is a node."""

    pen: Pen
    name: str
    width: int

    def _node(self, operator: str, *others: str) -> _Term:
        name = self.pen.node(operator, [self.name, *others], "date")
        # Kept, as to find it the passes would follow every way through these nodes.
        self.pen.graph.widths[name] = self.width
        return _Term(self.pen, name, self.width)

    def _with(self, operator: str, other: _Term | float) -> _Term:
        second = other.name if isinstance(other, _Term) else self.pen.constant(np.full((1, 1), other), "number")
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
def write_date_parts(pen: Pen, model: DateParts, columns: Columns) -> Columns:
    """Every part of every column side by side, and of these the ones that are asked for."""
    pen.require_numbers(columns)
    pen.require_settled(columns, "the parts of a date would hang on", "the timestamp as it was sent")
    terms = date_parts(_Term(pen, columns.name, columns.width), model.computed_, _Term.floor)
    joined = pen.side_by_side([term.name for term in terms.values()])
    places = pen.constant(np.asarray(model.places_, np.int64), "columns")
    return numbers(pen.node("Gather", [joined, places], "date_parts", axis=1), len(model.places_))
