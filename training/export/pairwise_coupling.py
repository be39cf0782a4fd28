"""Probabilities of support vector classifiers: Platt's sigmoid for each pair of classes, and the pairs coupled.

libsvm couples the pairs by the second method of Wu, Lin and Weng (Probability Estimates for Multi-class Classification by
Pairwise Coupling, JMLR 5, 2004), in at most max(100, classes) rounds. It stops a row's rounds at an error of 0.005 over
the number of classes, which shows in the third digit of a probability. So the graph makes the same rounds with the same
rule for each row, in a ``Loop``; it ends when the last row of the batch has stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from training.export.pen import Pen

LEAST = 1e-7
"""libsvm keeps a pair's probability this far from 0 and from 1."""
ROUNDS = 100
"""The most rounds, or as many as there are classes."""
ERROR = 0.005
"""Rounds end for a row where the error is below this over the number of classes."""


def coupled(pen: Pen, decisions: str, slopes: NDArray[np.float64], offsets: NDArray[np.float64], count: int) -> str:
    """Return the probabilities of all classes, shape (N, C).

    Args:
        pen: what writes.
        decisions: libsvm's decisions, shape (N, pairs): above 0 for the first class of a pair.
        slopes: of each pair's sigmoid, shape (pairs,).
        offsets: of each pair's sigmoid, shape (pairs,).
        count: how many classes there are, C.
    """
    pairs = _pair_probabilities(pen, decisions, slopes, offsets)
    of_first, of_second = _both_sides(pen, pairs, count)
    crossed = pen.node("Mul", [of_first, of_second], "crossed")
    square = pen.node("Mul", [of_first, of_first], "square")
    middle = pen.constant(np.array([1], dtype=np.int64), "axis")
    diagonal = pen.node("ReduceSum", [square, middle], "diagonal", keepdims=1)
    diagonal = pen.node("Mul", [diagonal, pen.constant(np.eye(count)[np.newaxis], "eye")], "diagonal")
    matrix = pen.node("Sub", [diagonal, crossed], "matrix")
    start = pen.node("Mul", [pen.node("ReduceSum", [matrix, middle], keepdims=0), _number(pen, 0.0)], "nought")
    start = pen.node("Add", [start, _number(pen, 1.0 / count)], "start")
    rounds = pen.constant(np.array(max(ROUNDS, count), dtype=np.int64), "rounds")
    go_on = pen.constant(np.array(True), "go_on")
    shares, _ = pen.nodes("Loop", [rounds, go_on, start, matrix], 2, body=_body(count))
    pen.graph.widths[shares] = count
    return shares


def _number(pen: Pen, number: float) -> str:
    return pen.constant(np.full((1, 1), number), "number")


def _pair_probabilities(pen: Pen, decisions: str, slopes: NDArray[np.float64], offsets: NDArray[np.float64]) -> str:
    """Return the probability of each pair's first class, 1 / (1 + exp(slope · decision + offset)), shape (N, pairs)."""
    sloped = pen.node("Mul", [decisions, pen.constant(slopes[np.newaxis].copy(), "slopes")], "sloped")
    power = pen.node("Exp", [pen.node("Add", [sloped, pen.constant(offsets[np.newaxis].copy(), "offsets")])], "power")
    one = _number(pen, 1.0)
    raw = pen.node("Div", [one, pen.node("Add", [power, one], "odds")], "sigmoid")
    ends = [pen.constant(np.array(end), "end") for end in (LEAST, 1.0 - LEAST)]
    return pen.node("Clip", [raw, *ends], "pairs")


def _both_sides(pen: Pen, pairs: str, count: int) -> tuple[str, str]:
    """Return the pairs as a matrix, (N, C, C), and transposed: row i, column j says how much i wins against j."""
    lost = pen.node("Sub", [_number(pen, 1.0), pairs], "lost")
    places = np.zeros((count, count), dtype=np.int64)
    for at, (first, second) in enumerate(combinations(range(count), 2)):
        places[first, second] = at
        places[second, first] = at + count * (count - 1) // 2
    both = pen.side_by_side([pairs, lost])
    off_diagonal = pen.constant((1.0 - np.eye(count))[np.newaxis], "off_diagonal")
    sides = [
        pen.node(
            "Mul",
            [pen.node("Gather", [both, pen.constant(table.copy(), "places")], "picked", axis=1), off_diagonal],
            "side",
        )
        for table in (places, places.T)
    ]
    return sides[0], sides[1]


class _Body:
    """The nodes of one round; all names are its own, for a graph inside a graph may not repeat the outer ones."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node and return its output."""
        output = f"round_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, array: NDArray[Any]) -> str:
        """Keep a constant and return its name."""
        name = f"round_constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array) if array.ndim else array, name))
        return name


def _body(count: int) -> Any:
    """Return the graph of one round over (N, C) probabilities and (N, C, C) matrices."""
    body = _Body()
    one, two = (body.constant(np.full((1, 1), number)) for number in (1.0, 2.0))
    middle, last = (body.constant(np.array([axis], dtype=np.int64)) for axis in (1, 2))
    shares, matrix = "round_shares", "round_matrix"
    columns = [body.constant(np.array([at], dtype=np.int64)) for at in range(count)]
    tall = body.node("Mul", [matrix, body.node("Unsqueeze", [shares, middle])])
    product = body.node("ReduceSum", [tall, last], keepdims=0)
    whole = body.node("ReduceSum", [body.node("Mul", [shares, product]), middle], keepdims=1)
    error = body.node("ReduceMax", [body.node("Abs", [body.node("Sub", [product, whole])]), middle], keepdims=1)
    stopped = body.node("Less", [error, body.constant(np.full((1, 1), ERROR / count))])
    moved = shares
    for at in range(count):
        row = body.node("Squeeze", [body.node("Gather", [matrix, columns[at]], axis=1), middle])
        own = body.node("Gather", [row, columns[at]], axis=1)
        mine = body.node("Gather", [product, columns[at]], axis=1)
        step = body.node("Div", [body.node("Sub", [whole, mine]), own])
        spread = body.constant(np.eye(count)[at][np.newaxis])
        grown = body.node("Add", [moved, body.node("Mul", [step, spread])])
        divisor = body.node("Add", [step, one])
        bent = body.node("Add", [body.node("Mul", [step, own]), body.node("Mul", [mine, two])])
        raised = body.node("Add", [whole, body.node("Mul", [step, bent])])
        whole = body.node("Div", [body.node("Div", [raised, divisor]), divisor])
        product = body.node("Div", [body.node("Add", [product, body.node("Mul", [step, row])]), divisor])
        moved = body.node("Div", [grown, divisor])
    kept = body.node("Where", [stopped, shares, moved])
    going = body.node("Cast", [body.node("Not", [stopped])], to=TensorProto.INT64)
    some = body.node("ReduceMax", [going], keepdims=0)
    again = body.node("Cast", [some], to=TensorProto.BOOL)
    same = body.node("Identity", [matrix])
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
            helper.make_tensor_value_info(again, TensorProto.BOOL, []),
            helper.make_tensor_value_info(kept, double, ["N", count]),
            helper.make_tensor_value_info(same, double, ["N", count, count]),
        ],
        body.constants,
    )
