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
from training.export.constants import Constants
from training.export.node_list import NodeList
from training.export.onnx_nodes import attribute as attribute
from training.export.onnx_nodes import copied as copied
from training.export.onnx_nodes import fill
from training.export.trees import Trees
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
class Turns:
    """Where a function of one number turns or begins to be defined; between two such places it rises or falls."""

    within: Callable[[float, float], NDArray[np.float64] | None]
    """Takes the range of the argument and returns the last double in front of each turn, or None if there are too many."""
    flat: bool = False
    """Whether it is level where it turns, as a sine is, so that its last bits are uncertain over many doubles there."""


@dataclass(frozen=True)
class Monotone:
    """What is known of a value each of whose columns is a monotone function of the same column of another value."""

    source: str
    functions: tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], ...]
    increasing: bool
    domain: tuple[float, float]
    certain: bool
    """See ``training.export.pen.Pen.monotone``."""
    turns: Turns | None = None
    """Where the functions turn outside of the domain on which they are monotone, if trees are to look through there too."""


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
        self.nodes = NodeList(copied(node) for node in model.graph.node)
        self.constants = Constants({tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer})
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
        self.unread: list[str] = []
        """Steps whose trees are asked about a part of the rows only, so that their leaves cannot be compared."""
        self.inexact: dict[str, str | tuple[str | None, ...]] = {}
        """By value: the function or step that made it, if another library may compute another last bit;
        of single columns, a name for each or None."""
        self.overflowing: dict[str, str] = {}
        """By value: the function that made it, if it may be infinite where its arguments are not."""
        self.dtypes: dict[str, tuple[np.dtype[Any], ...]] = {}
        """By value: the type in which scikit-learn keeps each column, if one of them is not float64."""
        self.remedies: dict[str, str] = {}
        """By unsettled value, or by what makes a value inexact: the nearest that can be exported."""
        self.voted: dict[str, str] = {}
        """By value: the class of the members whose labels it counts, if their last bits decide about a label."""
        self.raising: list[str] = []
        """Values of shape (N, 1), not 0 for rows on which the pipeline raises an error."""
        self.finite: set[tuple[str, float]] = set()
        """Values in which numbers from a limit on are looked for, with the limit."""
        self.checked: set[tuple[str, bool]] = set()
        """Values in which numbers beyond float32 are looked for, and whether a missing number may be there."""
        self.bounds: dict[tuple[str, int], tuple[float, float] | None] = {}
        """By value and column: between which numbers it stays, as far as that was asked."""
        self.steps: list[Step] = []
        """Every step that was written, inner ones before those that hold them."""
        self.writers: dict[str, str] = {}
        """By value: the step that wrote it; nodes that a pass adds have none."""
        self._trees: dict[str, Trees] = {}
        self._fresh = 0

    def producer(self, value: str) -> Any | None:
        """Return the node that makes a value, or None for an input or a constant."""
        return self.nodes.maker(value)

    def consumers(self, value: str) -> list[Any]:
        """Return the nodes that read a value."""
        return self.nodes.readers(value)

    def constant(self, array: NDArray[Any], hint: str) -> str:
        """Keep an array as a constant and return its name; an equal constant is used again."""
        known = self.constants.name_of(array)
        if known is not None:
            return known
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
        while True:
            self._fresh += 1
            name = f"{hint}_{self._fresh}"
            taken = self.producer(name) is not None or name in self.constants
            if not taken and all(value.name != name for value in self.inputs):
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
        if before is None:
            self.nodes.append(node)
        else:
            self.nodes.insert_before(node, before)
        return output

    def add_trees(self, value: str, trees: Trees, hint: str, *, before: Any | None = None) -> str:
        """Add an ensemble of trees that read a value, and return its output, shape (N, targets).

        The trees stay arrays until the model is written: as attributes of a node they would be taken apart and put
        together at every pass.
        """
        output = self.add("TreeEnsemble", [value], hint, before=before, domain=TREE_DOMAIN, n_targets=trees.n_targets)
        self._trees[output] = trees
        return output

    def trees_of(self, node: Any) -> Trees:
        """Return the trees of a node of ``TREE_DOMAIN``; whoever changes them changes a copy."""
        output = node.output[0]
        if output not in self._trees:
            self._trees[output] = Trees.of_node(node)
        return self._trees[output]

    def feed_trees(self, node: Any, value: str, trees: Trees) -> None:
        """Let an ensemble read another value and be other trees."""
        self.nodes.read(node, 0, value)
        self._trees[node.output[0]] = trees

    def onnx_nodes(self) -> list[Any]:
        """Return copies of all nodes as a model has them: trees in the domain ``ai.onnx.ml``, with all attributes."""
        made = onnx.GraphProto()
        self.write_nodes(made)
        return list(made.node)

    def write_nodes(self, model: onnx.GraphProto) -> None:
        """Add all nodes to a model's graph, as ``onnx_nodes`` returns them."""
        for node in self.nodes:
            if node.domain == TREE_DOMAIN:
                fill(model.node.add(), node, self.trees_of(node).attributes(), ML_DOMAIN)
            else:
                model.node.append(node)

    def remove(self, node: Any) -> None:
        """Take a node out of the graph."""
        self.nodes.remove(node)

    def replace(self, old: str, new: str) -> None:
        """Let everything that reads the value ``old`` read ``new``; an output keeps its place under the new name."""
        for node in self.consumers(old):
            for position, name in enumerate(node.input):
                if name == old:
                    self.nodes.read(node, position, new)
        self.outputs = [new if name == old else name for name in self.outputs]
        # What was known of the old value holds for the new one, which is the same.
        if old in self.monotone:
            self.monotone.setdefault(new, self.monotone.pop(old))
        if old in self.widths:
            self.widths.setdefault(new, self.widths[old])
        if old in self.inexact:
            self.inexact.setdefault(new, self.inexact.pop(old))
        for value, known in self.monotone.items():
            if known.source == old:
                self.monotone[value] = dataclasses.replace(known, source=new)
        self.ensembles = [
            dataclasses.replace(ensemble, output=new) if ensemble.output == old else ensemble
            for ensemble in self.ensembles
        ]

    def width(self, value: str) -> int | None:
        """Return the number of columns of a two-dimensional value, or None if it is not known."""
        found = self.widths.get(value)
        if found is None:
            found = self._width(value, {})
        return found

    def _width(self, value: str, asked: dict[str, int | None]) -> int | None:
        """Work a width out; ``asked`` holds what is known so far, because many nodes may read one value."""
        if value in self.widths:
            return self.widths[value]
        if value not in asked:
            asked[value] = self._width_by_node(value, asked)
        found = asked[value]
        # A value keeps its width whatever a pass does; what is not known now may be known later.
        if found is not None and self.producer(value) is not None:
            self.widths[value] = found
        return found

    def _width_by_node(self, value: str, asked: dict[str, int | None]) -> int | None:
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
            return self._width(node.input[1], asked) if self.constants[node.input[0]].ndim == 1 else None
        if node.op_type.startswith("Reduce"):
            return 1 if attribute(node, "keepdims", 1) else self._width(node.input[0], asked)
        if node.op_type == "ArgMin":
            return 1 if attribute(node, "axis", 0) == 1 and attribute(node, "keepdims", 1) else None
        if node.op_type in ("Cast", "Clip"):
            return self._width(node.input[0], asked)
        if node.op_type in _ELEMENTWISE:
            widths = [self._width(name, asked) for name in node.input]
            known = [width for width in widths if width is not None]
            return max(known) if known and len(known) == len(widths) else None
        if node.op_type == "TreeEnsemble":
            return int(attribute(node, "n_targets", 1))
        if node.op_type in ("Gemm", "MatMul"):
            return self.constants[node.input[1]].shape[-1] if node.input[1] in self.constants else None
        if node.op_type == "Concat":
            widths = [self._width(name, asked) for name in node.input]
            return None if None in widths else sum(width for width in widths if width is not None)
        return None


_ELEMENTWISE = frozenset(
    (
        "Abs",
        "Add",
        "And",
        "Ceil",
        "Cos",
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
        "Sin",
        "Sqrt",
        "Sub",
        "Tanh",
        "Where",
        "Xor",
    )
)


def settle(graph: Graph, passes: Iterable[Callable[[Graph], bool]]) -> None:
    """Run passes, in order and over again, until none of them changes the graph."""
    passes = tuple(passes)
    while sum(run(graph) for run in passes):
        continue
