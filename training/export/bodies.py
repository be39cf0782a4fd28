"""Bodies of loops: graphs inside a node, written with the same pen as the graph around them.

A loop whose condition is false from the beginning costs almost nothing, so a body is also the place for work that few
rows need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnx import helper, numpy_helper

from training.export.graph import Graph
from training.export.pen import BOOL, INT64, Pen


class Body:
    """The body of a ``Loop`` node, while it is written.

    Its names begin with a prefix of their own, for ONNX does not let a body use a name of the graph around it again.

    Args:
        pen: writes the graph that holds the loop.
        kinds: the ONNX element type of each value that the loop carries from one turn to the next.
    """

    def __init__(self, pen: Pen, kinds: Sequence[int]) -> None:
        self._outer = pen
        self._kinds = list(kinds)
        prefix = pen.graph.fresh("body")
        turn = f"{prefix}.turn"
        names = [f"{prefix}.carried_{number}" for number in range(len(kinds))]
        inputs = [
            helper.make_tensor_value_info(turn, INT64, []),
            helper.make_tensor_value_info(f"{prefix}.condition", BOOL, []),
            *(helper.make_tensor_value_info(name, kind, None) for name, kind in zip(names, kinds, strict=True)),
        ]
        self._graph = _Inner(prefix, inputs)
        self.pen = Pen(self._graph, pen.contract)
        """Writes the body."""
        self.turn = turn
        """The name of the number of the turn, an int64 scalar that begins with 0."""
        self.carried = names
        """The names of the carried values, as the body reads them."""

    def run(self, turns: str, condition: str, values: Sequence[str], again: str, results: Sequence[str]) -> list[str]:
        """Add the loop to the graph around the body.

        Args:
            turns: int64 scalar of the outer graph, how often the loop runs at most.
            condition: bool scalar of the outer graph, whether it runs at all.
            values: what it carries at the beginning, values of the outer graph.
            again: bool scalar of the body, whether another turn follows.
            results: what the body hands on, in the order of ``values``.

        Returns:
            The carried values at the end, names of the outer graph.
        """
        ends = [self.pen.node("Identity", [name]) for name in (again, *results)]
        body = helper.make_graph(
            self._graph.nodes,
            "body",
            self._graph.inputs,
            [
                helper.make_tensor_value_info(name, kind, [] if position == 0 else None)
                for position, (name, kind) in enumerate(zip(ends, (BOOL, *self._kinds), strict=True))
            ],
            [numpy_helper.from_array(array, name) for name, array in sorted(self._graph.constants.items())],
        )
        return self._outer.nodes("Loop", [turns, condition, *values], len(values), body=body)


class _Inner(Graph):
    """A graph whose names begin with a prefix."""

    def __init__(self, prefix: str, inputs: Sequence[Any]) -> None:
        super().__init__(helper.make_model(helper.make_graph([], prefix, list(inputs), [])))
        self._prefix = prefix

    def fresh(self, hint: str) -> str:
        """Return a new name behind the prefix."""
        return f"{self._prefix}.{super().fresh(hint)}"
