"""Arrivals: which values of a row can reach a step, as far as the contract tells.

A step that raises on a value that the contract lets through must not be exported: the graph would answer where the
pipeline does not. Where a column was computed on its way nothing is known, and nothing is refused; the proof of parity
is asked then.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from bundle.contract import UNKNOWN_CATEGORY, Feature
from bundle.numbers import number_text
from training.export.graph import Graph
from training.export.packing import Origin, is_gather, is_imputation
from training.export.pen import Pen
from training.export.values import Columns

LISTED = 1000
"""A range of at most this many integers is looked at one by one."""


def arrival(graph: Graph, value: str, column: int) -> Origin | None:
    """Return where a column of a value comes from, or None where it is more than chosen, joined or imputed."""
    statistic: float | None = None
    while value != graph.inputs[0].name:
        node = graph.producer(value)
        if node is None:
            return None
        behind = _behind(graph, node, column)
        if behind is not None:
            value, column = behind
        elif is_imputation(graph, node):
            stand_in = float(graph.constants[node.input[1]].ravel()[column])
            statistic = statistic if math.isnan(stand_in) else stand_in
            value = node.input[2]
        else:
            return None
    return Origin(column, statistic)


def _behind(graph: Graph, node: Any, column: int) -> tuple[str, int] | None:
    """Return from which column of which value a node that chooses or joins has a column, None if it does neither, or if
    it is not known how wide what it joins is."""
    if is_gather(graph, node):
        return str(node.input[0]), int(graph.constants[node.input[1]].ravel()[column])
    if node.op_type == "Concat":
        for part in node.input:
            width = graph.width(part)
            if width is None:
                return None
            if column < width:
                return str(part), column
            column -= width
    return None


def refuse_missing(pen: Pen, columns: Columns, what: str, positions: Iterable[int] | None = None) -> None:
    """Refuse where a missing value reaches a step that raises on it, in any column or in some.

    Raises:
        ExportError: the contract lets it be missing and nothing imputes it.
    """
    asked = range(columns.width) if positions is None else positions
    found = [source_feature(pen, columns.name, at) for at in asked]
    names = list(dict.fromkeys(feature.name for feature in found if feature is not None and feature.nullable))
    if names:
        raise pen.refusal(
            f"{what} raises on a missing value, and the contract lets {names} be missing",
            "an imputer in front of it, or `nullable: false`",
        )


_KEEP_MISSING = frozenset(
    ("Abs", "Add", "Ceil", "Clip", "Div", "Erf", "Exp", "Floor", "Identity", "Log", "Mul", "Neg", "Round")
) | frozenset(("Sigmoid", "Sign", "Sqrt", "Sub", "Tanh"))
"""Operations on one column and constants whose answer to NaN is NaN."""


def source_feature(pen: Pen, value: str, column: int) -> Feature | None:
    """Return the feature that is missing whenever a column of a value is, or None where an imputer or more stands between."""
    graph = pen.graph
    while value != graph.inputs[0].name:
        width = graph.width(value)
        if width is None or column >= width:
            return None
        known = graph.monotone.get(value)
        if known is not None and graph.width(known.source) == width:
            value = known.source
            continue
        node = graph.producer(value)
        if node is None:
            return None
        behind = _behind(graph, node, column)
        if behind is not None:
            value, column = behind
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
    return pen.contract.features[column]


def refuse_surprises(pen: Pen, columns: Columns, at: int, known: Collection[float], nearest: str) -> None:
    """Refuse where a value reaches a step that raises on it.

    Args:
        pen: where the step is written.
        columns: what reaches the step.
        at: the column.
        known: the values that the step takes, missing as NaN.
        nearest: what can be converted instead.

    Raises:
        ExportError: the contract lets another value through; the message names it.
    """
    origin = arrival(pen.graph, columns.name, at)
    if origin is None:
        return
    feature = pen.contract.features[origin.column]
    surprise = _surprise(feature, origin, known)
    if surprise is not None:
        raise pen.refusal(f"it raises on {surprise}, which the contract lets {feature.name!r} be", nearest)


def _surprise(feature: Feature, origin: Origin, known: Collection[float]) -> str | None:
    """Return the first value in words that can arrive and is not known."""
    if feature.nullable:
        stand_in = math.nan if origin.statistic is None else origin.statistic
        if not _is_known(stand_in, known):
            return "a missing value" if origin.statistic is None else f"the imputed {number_text(stand_in)}"
    if feature.type == "category":
        for code, category in enumerate(feature.categories or ()):
            if float(code) not in known:
                return repr(category)
        return "an unknown value" if feature.unknown == "ignore" and UNKNOWN_CATEGORY not in known else None
    if feature.type == "boolean":
        return next((word for number, word in ((0.0, "false"), (1.0, "true")) if number not in known), None)
    low, high = feature.lower, feature.upper
    if low != high and (feature.type == "number" or high - low > LISTED):
        return f"a number that it has not learned, such as {number_text(_between(low, high, known))}"
    for number in np.arange(math.ceil(low), math.floor(high) + 1.0):
        if float(number) not in known:
            return number_text(number)
    return None


def _is_known(value: float, known: Collection[float]) -> bool:
    return any(math.isnan(number) for number in known) if math.isnan(value) else value in known


def _between(low: float, high: float, known: Collection[float]) -> float:
    """Return a number of the range that is not known."""
    tried = (low + (high - low) * part for part in np.linspace(0.0, 1.0, len(known) + 2))
    return next(float(number) for number in tried if number not in known)
