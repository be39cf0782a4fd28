"""Ranges: between which numbers a value of the graph stays for every row that keeps the contract."""

from __future__ import annotations

import math

import numpy as np

from bundle.contract import UNKNOWN_CATEGORY, Contract, Feature
from training.export.graph import Graph
from training.export.packing import is_gather, is_imputation

Range = tuple[float, float]


def reach(graph: Graph, value: str, column: int, contract: Contract) -> Range | None:
    """Return the smallest and the largest number that a column can hold, missing aside, or None where it is not known."""
    if value == graph.inputs[0].name:
        return _of_feature(contract.features[column])
    known = graph.monotone.get(value)
    inner = None if known is None else reach(graph, known.source, column, contract)
    if known is not None and inner is not None and known.domain[0] <= inner[0] and inner[1] <= known.domain[1]:
        with np.errstate(all="ignore"):
            ends = known.functions[column](np.array(inner))
        return None if np.isnan(ends).any() else (float(ends.min()), float(ends.max()))
    node = graph.producer(value)
    if node is None:
        return None
    if node.op_type in ("Sin", "Cos"):
        return -1.0, 1.0
    if node.op_type == "Abs":
        inner = reach(graph, node.input[0], column, contract)
        return 0.0, math.inf if inner is None else max(abs(inner[0]), abs(inner[1]))
    if is_gather(graph, node) and graph.constants[node.input[1]].ndim == 1:
        return reach(graph, node.input[0], int(graph.constants[node.input[1]][column]), contract)
    if is_imputation(graph, node):
        inner = reach(graph, node.input[2], column, contract)
        statistic = float(graph.constants[node.input[1]].ravel()[column])
        if inner is None or math.isnan(statistic):
            return inner
        return min(inner[0], statistic), max(inner[1], statistic)
    if node.op_type == "Concat":
        for part in node.input:
            width = graph.width(part)
            if width is None:
                return None
            if column < width:
                return reach(graph, part, column, contract)
            column -= width
    if node.op_type == "Mul" and node.input[0] == node.input[1]:
        return 0.0, math.inf
    if node.op_type == "ReduceSum":
        # Every squared distance of a sum of them is at least 0, whichever columns it is made of.
        square = graph.producer(node.input[0])
        squared = square is not None and square.op_type == "Mul" and square.input[0] == square.input[1]
        return (0.0, math.inf) if squared else None
    return None


def _of_feature(feature: Feature) -> Range:
    if feature.type == "boolean":
        return 0.0, 1.0
    if feature.type == "category":
        return UNKNOWN_CATEGORY, len(feature.categories or ()) - 1.0
    return feature.lower, feature.upper
