"""A graph that can be rewritten: nodes and constants by name, between the converters and the finished model.

The passes of this package read a graph, change it in place, and leave it valid after each pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from bundle.texts import TextBlock
from training.export.values import Columns, Scores

OPSET = 21
"""The newest default opset that skl2onnx 1.20 has been tested with; ONNX Runtime 1.31 knows it."""
ML_OPSET = 5
"""The first ``ai.onnx.ml`` opset with ``TreeEnsemble``, the tree operator that keeps doubles."""
IR_VERSION = 10
"""The file format that belongs to opset 21."""
ML_DOMAIN = "ai.onnx.ml"
TREE_DOMAIN = "tabento"
"""Domain that marks the trees of this package while the graph is written; the model gets ``ai.onnx.ml``."""


@dataclass(frozen=True)
class Monotone:
    """What is known of a value each of whose columns is a monotone function of the same column of another value."""

    source: str
    functions: tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], ...]
    increasing: bool
    domain: tuple[float, float]
    certain: bool
    """See ``training.export.pen.Pen.monotone``."""


@dataclass(frozen=True)
class Ensemble:
    """A tree ensemble of the graph and the fitted estimator that it stands for."""

    output: str
    """The name of the node's output."""
    step: str
    """The path of the step in the pipeline."""
    estimator: Any
    """The fitted estimator."""


@dataclass(frozen=True)
class Step:
    """A fitted object of the pipeline and what stands for its answer in the graph."""

    path: str
    """Where in the pipeline it is: ``features/numbers/scale``."""
    model: Any
    """The fitted object."""
    result: Columns | Scores | str
    """What its converter returned."""


@dataclass(frozen=True)
class TextPiece:
    """A piece of the row: the numbers that a vectorizer makes of a text."""

    value: str
    """The value's name in the graph."""
    block: TextBlock
    """How the numbers are made."""


class Graph:
    """Nodes, constants, inputs and outputs of one model."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.name: str = model.graph.name
        self.nodes: list[Any] = [copied(node) for node in model.graph.node]
        self.constants: dict[str, NDArray[Any]] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        self.inputs: list[Any] = list(model.graph.input)
        self.outputs: list[str] = [output.name for output in model.graph.output]
        self.flat = False
        """Whether the answer has shape (N,) rather than (N, W)."""
        self.monotone: dict[str, Monotone] = {}
        self.ensembles: list[Ensemble] = []
        self.widths: dict[str, int] = {}
        self.texts: list[TextPiece] = []
        """Pieces of the row that stand for texts, in the row's order once everything is written."""
        self.unsettled: dict[str, str] = {}
        self.steps: list[Step] = []
        """Every step that was written, inner ones before those that hold them."""
        self.writers: dict[str, str] = {}
        """By value: the step that wrote it; nodes that a pass adds have none."""
        self._fresh = 0

    def producer(self, value: str) -> Any | None:
        """Return the node that makes a value, or None for an input or a constant."""
        return next((node for node in self.nodes if value in node.output), None)

    def consumers(self, value: str) -> list[Any]:
        """Return the nodes that read a value."""
        return [node for node in self.nodes if value in node.input]

    def constant(self, array: NDArray[Any], hint: str) -> str:
        """Keep an array as a constant and return its name; an equal constant is used again."""
        for name, known in self.constants.items():
            if known.dtype == array.dtype and known.shape == array.shape and known.tobytes() == array.tobytes():
                return name
        name = self.fresh(hint)
        self.constants[name] = np.ascontiguousarray(array) if array.ndim else array
        return name

    def made_of(self, value: str) -> set[str]:
        """Return a value and everything that it is computed from."""
        found: set[str] = set()
        asked = [value]
        while asked:
            name = asked.pop()
            if name in found:
                continue
            found.add(name)
            node = self.producer(name)
            asked += [] if node is None else list(node.input)
        return found

    def fresh(self, hint: str) -> str:
        """Return a name that nothing in the graph has yet; the same sequence of calls gives the same names."""
        taken = {name for node in self.nodes for name in node.output} | set(self.constants)
        taken |= {value.name for value in self.inputs}
        while True:
            self._fresh += 1
            name = f"{hint}_{self._fresh}"
            if name not in taken:
                return name

    def add(
        self, operator: str, inputs: Iterable[str], hint: str, *, before: Any | None = None, **attributes: Any
    ) -> str:
        """Add a node with one output and return the output's name.

        Args:
            operator: the operator's name in the default domain.
            inputs: names of values and constants.
            hint: what the output's name starts with.
            before: the node in front of which it is put; by default it goes to the end.
            attributes: the operator's attributes.
        """
        output = self.fresh(hint)
        node = helper.make_node(operator, list(inputs), [output], **attributes)
        self.nodes.insert(len(self.nodes) if before is None else self.index(before), node)
        return output

    def index(self, node: Any) -> int:
        """Return where a node stands, by identity: two nodes of a graph may be equal."""
        return next(at for at, other in enumerate(self.nodes) if other is node)

    def remove(self, node: Any) -> None:
        """Take a node out of the graph."""
        del self.nodes[self.index(node)]

    def replace(self, old: str, new: str) -> None:
        """Let everything that reads the value ``old`` read ``new``; an output keeps its place under the new name."""
        for node in self.nodes:
            for position, name in enumerate(node.input):
                if name == old:
                    node.input[position] = new
        self.outputs = [new if name == old else name for name in self.outputs]
        # What was known of the old value holds for the new one, which is the same.
        if old in self.monotone:
            self.monotone.setdefault(new, self.monotone.pop(old))
        if old in self.widths:
            self.widths.setdefault(new, self.widths[old])
        for value, known in self.monotone.items():
            if known.source == old:
                self.monotone[value] = dataclasses.replace(known, source=new)
        self.ensembles = [
            dataclasses.replace(ensemble, output=new) if ensemble.output == old else ensemble
            for ensemble in self.ensembles
        ]
        for at, ensemble in enumerate(self.ensembles):
            if ensemble.output == old:
                self.ensembles[at] = dataclasses.replace(ensemble, output=new)

    def width(self, value: str) -> int | None:
        """Return the number of columns of a two-dimensional value, or None where it is not known."""
        if value in self.widths:
            return self.widths[value]
        for given in self.inputs:
            if given.name == value:
                return int(given.type.tensor_type.shape.dim[1].dim_value) or None
        node = self.producer(value)
        if node is None:
            array = self.constants.get(value)
            return None if array is None else int(array.shape[-1]) if array.ndim else 1
        if node.op_type == "Gather" and node.input[1] in self.constants:
            indices = self.constants[node.input[1]]
            return int(indices.shape[-1]) if indices.ndim else None
        if node.op_type == "Gather" and node.input[0] in self.constants:
            return self.width(node.input[1]) if self.constants[node.input[0]].ndim == 1 else None
        if node.op_type.startswith("Reduce"):
            return 1 if attribute(node, "keepdims", 1) else self.width(node.input[0])
        if node.op_type == "ArgMin":
            return 1 if attribute(node, "axis", 0) == 1 and attribute(node, "keepdims", 1) else None
        if node.op_type in ("Cast", "Clip"):
            return self.width(node.input[0])
        if node.op_type in _ELEMENTWISE:
            widths = [self.width(name) for name in node.input]
            known = [width for width in widths if width is not None]
            return max(known) if known and len(known) == len(widths) else None
        if node.op_type == "TreeEnsemble":
            return int(attribute(node, "n_targets", 1))
        if node.op_type in ("Gemm", "MatMul"):
            return self.constants[node.input[1]].shape[-1] if node.input[1] in self.constants else None
        if node.op_type == "Concat":
            widths = [self.width(name) for name in node.input]
            return None if None in widths else sum(width for width in widths if width is not None)
        return None


_ELEMENTWISE = frozenset(
    (
        "Abs",
        "Add",
        "And",
        "Ceil",
        "Div",
        "Equal",
        "Erf",
        "Exp",
        "Floor",
        "Greater",
        "GreaterOrEqual",
        "Identity",
        "IsInf",
        "IsNaN",
        "Less",
        "LessOrEqual",
        "Log",
        "Max",
        "Min",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "Pow",
        "Reciprocal",
        "Relu",
        "Round",
        "Sigmoid",
        "Sign",
        "Sqrt",
        "Sub",
        "Tanh",
        "Where",
        "Xor",
    )
)


def copied(node: Any) -> Any:
    """Return a copy of a protobuf message."""
    copy = type(node)()
    copy.CopyFrom(node)
    return copy


def attribute(node: Any, name: str, default: Any = None) -> Any:
    """Return the value of a node's attribute."""
    for given in node.attribute:
        if given.name == name:
            return helper.get_attribute_value(given)
    return default


def settle(graph: Graph, passes: Iterable[Callable[[Graph], bool]]) -> None:
    """Run passes, in order and over again, until none of them changes the graph."""
    passes = tuple(passes)
    while sum(run(graph) for run in passes):
        continue
