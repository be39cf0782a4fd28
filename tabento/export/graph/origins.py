"""Column origins: which column of the packed rows a column of a value was selected or imputed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tabento.export.graph.graph import Graph, attribute


@dataclass(frozen=True)
class Origin:
    """The source of a column: a column of the packed rows, and the statistic that replaces a missing number."""

    column: int
    statistic: float | None = None


def origins(graph: Graph, value: str) -> list[Origin] | None:
    """Return the origin of each column of a two-dimensional value.

    Returns None if a column is more than selected or imputed.
    """
    if value == graph.inputs[0].name:
        return [Origin(column) for column in range(graph.width(value) or 0)]
    node = graph.producer(value)
    if node is None:
        return None
    if is_gather(graph, node):
        source = origins(graph, node.input[0])
        selected = graph.constants[node.input[1]]
        return None if source is None else [source[index] for index in selected.ravel()]
    if is_imputation(graph, node):
        source = origins(graph, node.input[2])
        statistics = graph.constants[node.input[1]].ravel()
        if source is None or any(origin.statistic is not None for origin in source):
            return None
        return [
            Origin(origin.column, None if np.isnan(statistic) else float(statistic))
            for origin, statistic in zip(source, statistics, strict=True)
        ]
    return None


def is_gather(graph: Graph, node: Any) -> bool:
    """Return whether a node selects columns by constant positions."""
    return node.op_type == "Gather" and attribute(node, "axis", 0) == 1 and node.input[1] in graph.constants


def is_imputation(graph: Graph, node: Any) -> bool:
    """Return whether a node is Where(IsNaN(x), statistics, x) with one statistic per column."""
    if node.op_type != "Where" or node.input[1] not in graph.constants:
        return False
    missing = graph.producer(node.input[0])
    return (
        missing is not None
        and missing.op_type == "IsNaN"
        and missing.input[0] == node.input[2]
        and graph.constants[node.input[1]].size == graph.width(node.input[2])
    )


def concat_part(graph: Graph, node: Any, column: int) -> tuple[str, int] | None:
    """Return the part of a Concat along the columns that holds a column, and the column's position in that part.

    Returns None if the width of a part before it is not known.
    """
    for part in node.input:
        width = graph.width(part)
        if width is None:
            return None
        if column < width:
            return str(part), column
        column -= width
    return None
