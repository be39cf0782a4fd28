"""Loop bodies: graphs inside a ``Loop`` node, written with a graph writer of their own.

A loop whose condition is false from the start takes almost no time. A body is therefore also used for work that few rows
need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnx import helper, numpy_helper

from tabento.export.graph.graph import Graph
from tabento.export.graph.writer import BOOL, INT64, GraphWriter


class Body:
    """The body of a ``Loop`` node, while it is written.

    Its names begin with a prefix, because a name of the outer graph must not be defined again in a body.

    Args:
        writer: the writer of the outer graph.
        kinds: the ONNX element type of each value that the loop carries from one iteration to the next.
    """

    def __init__(self, writer: GraphWriter, kinds: Sequence[int]) -> None:
        self._outer = writer
        self._kinds = list(kinds)
        prefix = writer.graph.fresh_name("body")
        iteration = f"{prefix}.turn"
        names = [f"{prefix}.carried_{number}" for number in range(len(kinds))]
        inputs = [
            helper.make_tensor_value_info(iteration, INT64, []),
            helper.make_tensor_value_info(f"{prefix}.condition", BOOL, []),
            *(helper.make_tensor_value_info(name, kind, None) for name, kind in zip(names, kinds, strict=True)),
        ]
        self._graph = _PrefixedGraph(prefix, inputs)
        self.writer = GraphWriter(self._graph, writer.contract)
        """The writer of the body."""
        self.iteration = iteration
        """The name of the iteration's number, an int64 scalar that starts at 0."""
        self.carried = names
        """The names of the carried values, as the body reads them."""

    def run(
        self, max_iterations: str, condition: str, values: Sequence[str], continues: str, results: Sequence[str]
    ) -> list[str]:
        """Add the loop to the outer graph.

        Args:
            max_iterations: int64 scalar of the outer graph: the largest number of iterations.
            condition: bool scalar of the outer graph: whether the loop runs at all.
            values: the initial carried values, names of the outer graph.
            continues: bool scalar of the body: whether another iteration follows.
            results: the carried values for the next iteration, names of the body, in the order of ``values``.

        Returns:
            The final carried values, names of the outer graph.
        """
        ends = [self.writer.node("Identity", [name]) for name in (continues, *results)]
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
        return self._outer.nodes("Loop", [max_iterations, condition, *values], len(values), body=body)


class _PrefixedGraph(Graph):
    """A graph whose names begin with a prefix."""

    def __init__(self, prefix: str, inputs: Sequence[Any]) -> None:
        super().__init__(helper.make_model(helper.make_graph([], prefix, list(inputs), [])))
        self._prefix = prefix

    def fresh_name(self, hint: str) -> str:
        """Return a new name that begins with the prefix."""
        return f"{self._prefix}.{super().fresh_name(hint)}"
