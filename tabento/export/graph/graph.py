"""The graph between the converters and the finished model: nodes and constants by name, which passes can rewrite.

A pass reads a graph and changes it in place. The graph is valid after each pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tabento.export.graph.constants import Constants
from tabento.export.graph.facts import Ensemble, Monotone, Step, TextPiece
from tabento.export.graph.node_list import NodeList
from tabento.export.graph.onnx_nodes import attribute as attribute
from tabento.export.graph.onnx_nodes import copy_message as copy_message
from tabento.export.graph.onnx_nodes import fill_node
from tabento.export.graph.trees import Trees
from tabento.export.graph.widths import infer_width

OPSET = 21
"""The newest default opset that skl2onnx 1.20 is tested with. ONNX Runtime 1.31 supports it."""
ML_OPSET = 5
"""The first ``ai.onnx.ml`` opset with ``TreeEnsemble``, the tree operator that computes in double."""
IR_VERSION = 10
"""The version of the file format that belongs to opset 21."""
ML_DOMAIN = "ai.onnx.ml"
TREE_DOMAIN = "tabento"
"""The domain of tree nodes while the graph is written. The finished model has ``ai.onnx.ml`` instead."""


class Graph:
    """Nodes, constants, inputs and outputs of one model.

    Args:
        model: an ONNX model; the graph gets copies of its nodes and constants.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.name: str = model.graph.name
        self.nodes = NodeList(copy_message(node) for node in model.graph.node)
        self.constants = Constants({tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer})
        self.inputs: list[Any] = list(model.graph.input)
        self.outputs: list[str] = [output.name for output in model.graph.output]
        self.flat = False
        """Whether the answer has shape (N,) rather than (N, W)."""
        self.monotone: dict[str, Monotone] = {}
        self.ensembles: list[Ensemble] = []
        self.widths: dict[str, int] = {}
        self.texts: list[TextPiece] = []
        """Parts of the packed row that hold the numbers of texts; in the row's order after the last step is written."""
        self.machine_dependent: dict[str, str] = {}
        """By value whose last bits scikit-learn itself computes differently on different computers: the reason."""
        self.unread: list[str] = []
        """Steps whose trees receive only a part of the rows, so that parity cannot compare their leaves."""
        self.inexact: dict[str, str | tuple[str | None, ...]] = {}
        """By value whose last bit another library can compute differently: the function or step that computed it. One name
        for all columns, or for each column a name or None."""
        self.overflowing: dict[str, str] = {}
        """By value that can be infinite although its arguments are finite: the function that computed it."""
        self.dtypes: dict[str, tuple[np.dtype[Any], ...]] = {}
        """By value: the dtype of each column in scikit-learn, if one of them is not float64."""
        self.remedies: dict[str, str] = {}
        """By machine-dependent value, or by name in ``inexact``: the nearest pipeline that can be exported."""
        self.voted: dict[str, str] = {}
        """By value that counts the labels of ensemble members: the members' class, if their last bits decide a label."""
        self.raising: list[str] = []
        """Values of shape (N, 1) that are not 0 for rows on which the pipeline raises an error."""
        self.finite: set[tuple[str, float]] = set()
        """Values that the graph already checks for numbers at or above a limit, with the limit."""
        self.checked: set[tuple[str, bool]] = set()
        """Values that the graph already checks for numbers outside of float32, and whether they can hold missing numbers."""
        self.bounds: dict[tuple[str, int], tuple[float, float] | None] = {}
        """By value and column: the smallest and the largest possible number, as far as they were computed."""
        self.steps: list[Step] = []
        """Every step that was written; inner steps come before the steps that contain them."""
        self.step_of_value: dict[str, str] = {}
        """By value: the step that wrote it. Values that a pass adds are not in it."""
        self._trees: dict[str, Trees] = {}
        self._fresh = 0

    def producer(self, value: str) -> Any | None:
        """Return the node that computes a value, or None for an input or a constant."""
        return self.nodes.producer(value)

    def consumers(self, value: str) -> list[Any]:
        """Return the nodes that read a value."""
        return self.nodes.readers(value)

    def constant(self, array: NDArray[Any], hint: str) -> str:
        """Store an array as a constant and return its name. An equal constant is used again."""
        name_of_equal = self.constants.name_of(array)
        if name_of_equal is not None:
            return name_of_equal
        name = self.fresh_name(hint)
        self.constants[name] = np.ascontiguousarray(array) if array.ndim else array
        return name

    def ancestors(self, value: str) -> set[str]:
        """Return the names of a value and of all values and constants that it is computed from."""
        visited: set[str] = set()
        pending = [value]
        while pending:
            name = pending.pop()
            if name in visited:
                continue
            visited.add(name)
            node = self.producer(name)
            pending += [] if node is None else list(node.input)
        return visited

    def fresh_name(self, hint: str) -> str:
        """Return a new name. The same sequence of calls gives the same names."""
        while True:
            self._fresh += 1
            name = f"{hint}_{self._fresh}"
            is_used = self.producer(name) is not None or name in self.constants
            if not is_used and all(value.name != name for value in self.inputs):
                return name

    def add(
        self, operator: str, inputs: Iterable[str], hint: str, *, before: Any | None = None, **attributes: Any
    ) -> str:
        """Add a node with one output and return the output's name.

        Args:
            operator: the operator's name in the default domain.
            inputs: names of values and constants.
            hint: the beginning of the output's name.
            before: the node before which the new node is inserted; by default it is appended.
            attributes: the operator's attributes.
        """
        output = self.fresh_name(hint)
        node = helper.make_node(operator, list(inputs), [output], **attributes)
        if before is None:
            self.nodes.append(node)
        else:
            self.nodes.insert_before(node, before)
        return output

    def add_trees(self, value: str, trees: Trees, hint: str, *, before: Any | None = None) -> str:
        """Add an ensemble of trees that reads a value, and return its output of shape (N, targets).

        The trees remain arrays until the model is written. As attributes of a node they would be converted at every
        pass.
        """
        output = self.add("TreeEnsemble", [value], hint, before=before, domain=TREE_DOMAIN, n_targets=trees.n_targets)
        self._trees[output] = trees
        return output

    def trees_of(self, node: Any) -> Trees:
        """Return the trees of a node of ``TREE_DOMAIN``. A caller that changes them must change a copy."""
        output = node.output[0]
        if output not in self._trees:
            self._trees[output] = Trees.of_node(node)
        return self._trees[output]

    def feed_trees(self, node: Any, value: str, trees: Trees) -> None:
        """Replace the input and the trees of an ensemble."""
        self.nodes.set_input(node, 0, value)
        self._trees[node.output[0]] = trees

    def onnx_nodes(self) -> list[Any]:
        """Return copies of all nodes as in the finished model: trees have the domain ``ai.onnx.ml`` and all attributes."""
        model_graph = onnx.GraphProto()
        self.write_nodes(model_graph)
        return list(model_graph.node)

    def write_nodes(self, model: onnx.GraphProto) -> None:
        """Add all nodes to a model's graph, as ``onnx_nodes`` returns them."""
        for node in self.nodes:
            if node.domain == TREE_DOMAIN:
                fill_node(model.node.add(), node, self.trees_of(node).attributes(), ML_DOMAIN)
            else:
                model.node.append(node)

    def remove(self, node: Any) -> None:
        """Remove a node from the graph."""
        self.nodes.remove(node)

    def replace(self, old: str, new: str) -> None:
        """Replace the value ``old`` with ``new`` in all nodes that read it and in the outputs."""
        for node in self.consumers(old):
            for position, name in enumerate(node.input):
                if name == old:
                    self.nodes.set_input(node, position, new)
        self.outputs = [new if name == old else name for name in self.outputs]
        # Facts about the old value are true for the new one, because both have the same numbers.
        if old in self.monotone:
            self.monotone.setdefault(new, self.monotone.pop(old))
        if old in self.widths:
            self.widths.setdefault(new, self.widths[old])
        if old in self.inexact:
            self.inexact.setdefault(new, self.inexact.pop(old))
        for value, fact in self.monotone.items():
            if fact.source == old:
                self.monotone[value] = dataclasses.replace(fact, source=new)
        self.ensembles = [
            dataclasses.replace(ensemble, output=new) if ensemble.output == old else ensemble
            for ensemble in self.ensembles
        ]

    def width(self, value: str) -> int | None:
        """Return the number of columns of a two-dimensional value, or None if it is not known."""
        return infer_width(self, value, {})


def run_passes(graph: Graph, passes: Iterable[Callable[[Graph], bool]]) -> None:
    """Run passes in order, and repeat, until no pass changes the graph."""
    passes = tuple(passes)
    while sum(run(graph) for run in passes):
        continue
