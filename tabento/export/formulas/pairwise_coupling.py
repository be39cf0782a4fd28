"""Probabilities of support vector classifiers: Platt's sigmoid for each pair of classes, then pairwise coupling.

libsvm uses the second method of Wu, Lin and Weng (Probability Estimates for Multi-class Classification by Pairwise
Coupling, JMLR 5, 2004), with at most max(100, classes) rounds. It stops for a row at an error of 0.005 divided by the
number of classes, which is visible in the third digit of a probability. The graph therefore repeats the same rounds with
the same rule for each row, in a ``Loop`` that ends when the last row of the batch has stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tabento.export.graph.writer import GraphWriter

MIN_PROBABILITY = 1e-7
"""libsvm keeps a pair's probability at this distance from 0 and from 1."""
ROUNDS = 100
"""The largest number of rounds, if there are not more classes."""
ERROR = 0.005
"""The rounds end for a row if its error is below this number divided by the number of classes."""


def coupled_probabilities(
    writer: GraphWriter, decisions: str, slopes: NDArray[np.float64], offsets: NDArray[np.float64], count: int
) -> str:
    """Write the probabilities of all classes, shape (N, C).

    Args:
        writer: the graph writer.
        decisions: libsvm's decisions, shape (N, pairs): above 0 for the first class of a pair.
        slopes: the slope of each pair's sigmoid, shape (pairs,).
        offsets: the offset of each pair's sigmoid, shape (pairs,).
        count: the number of classes, C.
    """
    pairs = _pair_probabilities(writer, decisions, slopes, offsets)
    of_first, of_second = _pair_matrices(writer, pairs, count)
    crossed = writer.node("Mul", [of_first, of_second], "crossed")
    square = writer.node("Mul", [of_first, of_first], "square")
    middle = writer.constant(np.array([1], dtype=np.int64), "axis")
    diagonal = writer.node("ReduceSum", [square, middle], "diagonal", keepdims=1)
    diagonal = writer.node("Mul", [diagonal, writer.constant(np.eye(count)[np.newaxis], "eye")], "diagonal")
    matrix = writer.node("Sub", [diagonal, crossed], "matrix")
    start = writer.node("Mul", [writer.node("ReduceSum", [matrix, middle], keepdims=0), _number(writer, 0.0)], "nought")
    start = writer.node("Add", [start, _number(writer, 1.0 / count)], "start")
    rounds = writer.constant(np.array(max(ROUNDS, count), dtype=np.int64), "rounds")
    condition = writer.constant(np.array(True), "go_on")
    shares, _ = writer.nodes("Loop", [rounds, condition, start, matrix], 2, body=_round_graph(count))
    writer.graph.widths[shares] = count
    return shares


def _number(writer: GraphWriter, number: float) -> str:
    return writer.constant(np.full((1, 1), number), "number")


def _pair_probabilities(
    writer: GraphWriter, decisions: str, slopes: NDArray[np.float64], offsets: NDArray[np.float64]
) -> str:
    """Write the probability of each pair's first class, 1 / (1 + exp(slope · decision + offset)), shape (N, pairs)."""
    sloped = writer.node("Mul", [decisions, writer.constant(slopes[np.newaxis].copy(), "slopes")], "sloped")
    power = writer.node(
        "Exp", [writer.node("Add", [sloped, writer.constant(offsets[np.newaxis].copy(), "offsets")])], "power"
    )
    unit = _number(writer, 1.0)
    raw = writer.node("Div", [unit, writer.node("Add", [power, unit], "odds")], "sigmoid")
    ends = [writer.constant(np.array(end), "end") for end in (MIN_PROBABILITY, 1.0 - MIN_PROBABILITY)]
    return writer.node("Clip", [raw, *ends], "pairs")


def _pair_matrices(writer: GraphWriter, pairs: str, count: int) -> tuple[str, str]:
    """Write the pairs as a matrix, (N, C, C), and its transpose: row i, column j is the probability of i against j."""
    lost = writer.node("Sub", [_number(writer, 1.0), pairs], "lost")
    indices = np.zeros((count, count), dtype=np.int64)
    for pair_index, (first, second) in enumerate(combinations(range(count), 2)):
        indices[first, second] = pair_index
        indices[second, first] = pair_index + count * (count - 1) // 2
    both_sides = writer.concatenate([pairs, lost])
    off_diagonal = writer.constant((1.0 - np.eye(count))[np.newaxis], "off_diagonal")
    sides = [
        writer.node(
            "Mul",
            [
                writer.node("Gather", [both_sides, writer.constant(table.copy(), "places")], "picked", axis=1),
                off_diagonal,
            ],
            "side",
        )
        for table in (indices, indices.T)
    ]
    return sides[0], sides[1]


class _RoundNodes:
    """The nodes of one round, with short names that do not occur in the outer graph.

    ``tabento.export.graph.loop_bodies.Body`` gives other names. They are in the bytes of the graphs that exist, so they stay.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node and return its output."""
        output = f"round_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, array: NDArray[Any]) -> str:
        """Store a constant and return its name."""
        name = f"round_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array) if array.ndim else array, name))
        return name


def _round_graph(count: int) -> Any:
    """Return the graph of one round over (N, C) probabilities and (N, C, C) matrices."""
    body = _RoundNodes()
    unit, two = (body.constant(np.full((1, 1), number)) for number in (1.0, 2.0))
    middle, last = (body.constant(np.array([axis], dtype=np.int64)) for axis in (1, 2))
    shares, matrix = "round_shares", "round_matrix"
    columns = [body.constant(np.array([class_index], dtype=np.int64)) for class_index in range(count)]
    tall = body.node("Mul", [matrix, body.node("Unsqueeze", [shares, middle])])
    product = body.node("ReduceSum", [tall, last], keepdims=0)
    quadratic_form = body.node("ReduceSum", [body.node("Mul", [shares, product]), middle], keepdims=1)
    error = body.node(
        "ReduceMax", [body.node("Abs", [body.node("Sub", [product, quadratic_form])]), middle], keepdims=1
    )
    stopped = body.node("Less", [error, body.constant(np.full((1, 1), ERROR / count))])
    new_shares = shares
    for class_index in range(count):
        row = body.node("Squeeze", [body.node("Gather", [matrix, columns[class_index]], axis=1), middle])
        diagonal = body.node("Gather", [row, columns[class_index]], axis=1)
        product_of_class = body.node("Gather", [product, columns[class_index]], axis=1)
        step = body.node("Div", [body.node("Sub", [quadratic_form, product_of_class]), diagonal])
        unit_row = body.constant(np.eye(count)[class_index][np.newaxis])
        increased = body.node("Add", [new_shares, body.node("Mul", [step, unit_row])])
        divisor = body.node("Add", [step, unit])
        factor = body.node("Add", [body.node("Mul", [step, diagonal]), body.node("Mul", [product_of_class, two])])
        new_form = body.node("Add", [quadratic_form, body.node("Mul", [step, factor])])
        quadratic_form = body.node("Div", [body.node("Div", [new_form, divisor]), divisor])
        product = body.node("Div", [body.node("Add", [product, body.node("Mul", [step, row])]), divisor])
        new_shares = body.node("Div", [increased, divisor])
    kept_shares = body.node("Where", [stopped, shares, new_shares])
    is_going = body.node("Cast", [body.node("Not", [stopped])], to=TensorProto.INT64)
    any_going = body.node("ReduceMax", [is_going], keepdims=0)
    continues = body.node("Cast", [any_going], to=TensorProto.BOOL)
    same_matrix = body.node("Identity", [matrix])
    double = TensorProto.DOUBLE
    return helper.make_graph(
        body.nodes,
        "round",
        [
            helper.make_tensor_value_info("round_number", TensorProto.INT64, []),
            helper.make_tensor_value_info("round_go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info(shares, double, ["N", count]),
            helper.make_tensor_value_info(matrix, double, ["N", count, count]),
        ],
        [
            helper.make_tensor_value_info(continues, TensorProto.BOOL, []),
            helper.make_tensor_value_info(kept_shares, double, ["N", count]),
            helper.make_tensor_value_info(same_matrix, double, ["N", count, count]),
        ],
        body.constants,
    )
