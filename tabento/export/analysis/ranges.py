"""Ranges: the smallest and the largest number of a column of the graph, for all rows that fulfil the contract."""

from __future__ import annotations

import math

import numpy as np

from tabento.bundle.contract import UNKNOWN_CATEGORY, Contract, Feature
from tabento.export.graph.graph import Graph
from tabento.export.graph.origins import concat_part, is_gather, is_imputation

Range = tuple[float, float]


def column_range(graph: Graph, value: str, column: int, contract: Contract) -> Range | None:
    """Return the smallest and the largest number that a column can hold, or None if they are not known.

    NaN is not considered.
    """
    if value == graph.inputs[0].name:
        return _feature_range(contract.features[column])
    fact = graph.monotone.get(value)
    source_range = None if fact is None else column_range(graph, fact.source, column, contract)
    if (
        fact is not None
        and source_range is not None
        and fact.domain[0] <= source_range[0]
        and source_range[1] <= fact.domain[1]
    ):
        with np.errstate(all="ignore"):
            ends = fact.functions[column](np.array(source_range))
        return None if np.isnan(ends).any() else (float(ends.min()), float(ends.max()))
    node = graph.producer(value)
    if node is None:
        return None
    if node.op_type in ("Sin", "Cos"):
        return -1.0, 1.0
    if node.op_type == "Abs":
        source_range = column_range(graph, node.input[0], column, contract)
        return 0.0, math.inf if source_range is None else max(abs(source_range[0]), abs(source_range[1]))
    if is_gather(graph, node) and graph.constants[node.input[1]].ndim == 1:
        return column_range(graph, node.input[0], int(graph.constants[node.input[1]][column]), contract)
    if is_imputation(graph, node):
        source_range = column_range(graph, node.input[2], column, contract)
        statistic = float(graph.constants[node.input[1]].ravel()[column])
        if source_range is None or math.isnan(statistic):
            return source_range
        return min(source_range[0], statistic), max(source_range[1], statistic)
    if node.op_type == "Concat":
        part = concat_part(graph, node, column)
        return None if part is None else column_range(graph, *part, contract)
    if node.op_type == "Mul" and node.input[0] == node.input[1]:
        return 0.0, math.inf
    if node.op_type == "ReduceSum":
        # A sum of squares is at least 0, whatever columns it is computed from.
        square = graph.producer(node.input[0])
        squared = square is not None and square.op_type == "Mul" and square.input[0] == square.input[1]
        return (0.0, math.inf) if squared else None
    return None


def _feature_range(feature: Feature) -> Range:
    if feature.type == "boolean":
        return 0.0, 1.0
    if feature.type == "category":
        return UNKNOWN_CATEGORY, len(feature.categories or ()) - 1.0
    return feature.lower, feature.upper
