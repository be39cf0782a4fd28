"""Column origins: the input feature that a step's column was selected or imputed from, and the values it can have.

A step that raises an error on a value that the contract allows must not be exported, because the graph would answer and
the pipeline would not. If a column was computed, its values are not known here and nothing is refused; the proof of parity
tests them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from tabento.bundle.contract import UNKNOWN_CATEGORY, Feature
from tabento.bundle.numbers import number_text
from tabento.export.graph.graph import Graph
from tabento.export.graph.origins import Origin, concat_part, is_gather, is_imputation
from tabento.export.graph.values import Columns
from tabento.export.graph.writer import GraphWriter

MAX_TESTED_INTEGERS = 1000
"""The largest number of integers in a range for which each integer is tested."""


def column_origin(graph: Graph, value: str, column: int) -> Origin | None:
    """Trace a column back to the input feature that it was selected or imputed from.

    Returns None if the column was computed.
    """
    statistic: float | None = None
    while value != graph.inputs[0].name:
        node = graph.producer(value)
        if node is None:
            return None
        source = _selected_from(graph, node, column)
        if source is not None:
            value, column = source
        elif is_imputation(graph, node):
            replacement = float(graph.constants[node.input[1]].ravel()[column])
            statistic = statistic if math.isnan(replacement) else replacement
            value = node.input[2]
        else:
            return None
    return Origin(column, statistic)


def _selected_from(graph: Graph, node: Any, column: int) -> tuple[str, int] | None:
    """Return the input and its column from which a node selects or joins a column.

    Returns None if the node does neither, or if the width of a joined value is not known.
    """
    if is_gather(graph, node):
        return str(node.input[0]), int(graph.constants[node.input[1]].ravel()[column])
    if node.op_type == "Concat":
        return concat_part(graph, node, column)
    return None


def refuse_missing(
    writer: GraphWriter, columns: Columns, step_name: str, positions: Iterable[int] | None = None
) -> None:
    """Refuse a step that raises an error on a missing value if one can reach it.

    Args:
        writer: the graph writer at the step.
        columns: the columns that the step receives.
        step_name: the step's name for the message.
        positions: the columns that are checked; by default all.

    Raises:
        ExportError: the contract allows a missing value and no step imputes it.
    """
    checked_columns = range(columns.width) if positions is None else positions
    features = [source_feature(writer, columns.name, column) for column in checked_columns]
    names = list(dict.fromkeys(feature.name for feature in features if feature is not None and feature.nullable))
    if names:
        raise writer.refusal(
            f"{step_name} raises on a missing value, and the contract allows missing values in {names}",
            "an imputer before it, or `nullable: false`",
        )


_KEEP_MISSING = frozenset(
    ("Abs", "Add", "Ceil", "Clip", "Div", "Erf", "Exp", "Floor", "Identity", "Log", "Mul", "Neg", "Round")
) | frozenset(("Sigmoid", "Sign", "Sqrt", "Sub", "Tanh"))
"""Operators on one column and constants whose result for NaN is NaN."""


def source_feature(writer: GraphWriter, value: str, column: int) -> Feature | None:
    """Return the feature that is missing exactly if a column of a value is missing.

    Returns None if an imputer, or an operator on several columns, is in between.
    """
    graph = writer.graph
    while value != graph.inputs[0].name:
        width = graph.width(value)
        if width is None or column >= width:
            return None
        fact = graph.monotone.get(value)
        if fact is not None and graph.width(fact.source) == width:
            value = fact.source
            continue
        node = graph.producer(value)
        if node is None:
            return None
        source = _selected_from(graph, node, column)
        if source is not None:
            value, column = source
        elif is_imputation(graph, node):
            if not math.isnan(float(graph.constants[node.input[1]].ravel()[column])):
                return None
            value = node.input[2]
        else:
            varying = [name for name in node.input if name and name not in graph.constants]
            same = len(varying) == 1 and graph.width(varying[0]) == width
            if node.op_type not in _KEEP_MISSING or not same:
                return None
            value = varying[0]
    return writer.contract.features[column]


def refuse_unknown_values(
    writer: GraphWriter, columns: Columns, column: int, known_values: Collection[float], nearest: str
) -> None:
    """Refuse a step that raises an error on a value that it has not learned, if such a value can reach it.

    Args:
        writer: the graph writer at the step.
        columns: the columns that the step receives.
        column: the column that is checked.
        known_values: the values that the step accepts; NaN is a missing value.
        nearest: the nearest step that can be converted.

    Raises:
        ExportError: the contract allows another value; the message names it.
    """
    origin = column_origin(writer.graph, columns.name, column)
    if origin is None:
        return
    feature = writer.contract.features[origin.column]
    unknown_value = _unknown_value(feature, origin, known_values)
    if unknown_value is not None:
        raise writer.refusal(f"it raises on {unknown_value}, which the contract allows for {feature.name!r}", nearest)


def _unknown_value(feature: Feature, origin: Origin, known_values: Collection[float]) -> str | None:
    """Return the first possible value that is not known, as text."""
    if feature.nullable:
        replacement = math.nan if origin.statistic is None else origin.statistic
        if not _is_known(replacement, known_values):
            return "a missing value" if origin.statistic is None else f"the imputed {number_text(replacement)}"
    if feature.type == "category":
        for code, category in enumerate(feature.categories or ()):
            if float(code) not in known_values:
                return repr(category)
        return "an unknown value" if feature.unknown == "ignore" and UNKNOWN_CATEGORY not in known_values else None
    if feature.type == "boolean":
        return next((word for number, word in ((0.0, "false"), (1.0, "true")) if number not in known_values), None)
    low, high = feature.lower, feature.upper
    if low != high and (feature.type == "number" or high - low > MAX_TESTED_INTEGERS):
        return f"a number that it has not learned, such as {number_text(_between(low, high, known_values))}"
    for number in np.arange(math.ceil(low), math.floor(high) + 1.0):
        if float(number) not in known_values:
            return number_text(number)
    return None


def _is_known(value: float, known_values: Collection[float]) -> bool:
    return any(math.isnan(number) for number in known_values) if math.isnan(value) else value in known_values


def _between(low: float, high: float, known_values: Collection[float]) -> float:
    """Return a number within the range that is not known."""
    candidates = (low + (high - low) * part for part in np.linspace(0.0, 1.0, len(known_values) + 2))
    return next(float(number) for number in candidates if number not in known_values)
