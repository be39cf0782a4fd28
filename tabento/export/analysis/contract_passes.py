"""Passes that use the contract's guarantees to remove nodes: a column that is never missing needs no imputation.

The service refuses a row that violates the contract before it calls the graph, so the graph needs no checks of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tabento.bundle.contract import Contract, Feature
from tabento.export.graph.graph import Graph
from tabento.export.graph.origins import Origin, is_gather, is_imputation, origins


def contract_passes(contract: Contract) -> tuple[Callable[[Graph], bool], ...]:
    """Return the passes that rely on a contract."""

    def drop_imputation(graph: Graph) -> bool:
        """Remove an imputation if none of its columns can be missing."""
        changed = False
        for node in graph.nodes:
            column_origins = origins(graph, node.output[0]) if is_imputation(graph, node) else None
            if column_origins is None:
                continue
            if not any(
                contract.features[origin.column].nullable for origin in column_origins if origin.statistic is not None
            ):
                graph.remove(node)
                graph.replace(node.output[0], node.input[2])
                changed = True
        return changed

    def drop_zero_guard(graph: Graph) -> bool:
        """Remove the NaN for a zero denominator if no denominator can be zero."""
        changed = False
        for node in graph.nodes:
            guarded = _guarded_quotient(graph, node)
            if guarded and _never_zero(graph, guarded.input[1], contract):
                graph.remove(node)
                graph.replace(node.output[0], guarded.output[0])
                changed = True
        return changed

    return drop_imputation, drop_zero_guard


def _guarded_quotient(graph: Graph, node: Any) -> Any | None:
    """Return the Div inside of Where(Equal(b, 0), NaN, Div(a, b)), or None."""
    if node.op_type != "Where":
        return None
    test, quotient = graph.producer(node.input[0]), graph.producer(node.input[2])
    if test is None or quotient is None or test.op_type != "Equal" or quotient.op_type != "Div":
        return None
    zero, replacement = graph.constants.get(test.input[1]), graph.constants.get(node.input[1])
    if zero is None or replacement is None or zero.any() or not np.isnan(replacement).all():
        return None
    return quotient if test.input[0] == quotient.input[1] else None


def _never_zero(graph: Graph, value: str, contract: Contract) -> bool:
    column_origins = origins(graph, value)
    return column_origins is not None and all(
        _excludes_zero(contract.features[origin.column], origin) for origin in column_origins
    )


def _excludes_zero(feature: Feature, origin: Origin) -> bool:
    positive = feature.lower > 0
    negative = feature.upper < 0
    return (positive or negative) and origin.statistic != 0.0


def never_missing(graph: Graph, value: str, contract: Contract, columns: Iterable[int] | None = None) -> bool:
    """Return whether no column of a value can be NaN for a row that fulfils the contract.

    Selections, imputations, comparisons, differences from a constant, squares, sums of squares, and quotients whose
    denominator is never zero are not NaN for finite numbers. For any other operator the result is False.

    Args:
        graph: the graph.
        value: the value's name.
        contract: the contract of the rows.
        columns: the columns that are checked; by default all.
    """
    column_origins = origins(graph, value)
    if column_origins is not None:
        checked = column_origins if columns is None else [column_origins[column] for column in columns]
        return all(_is_present(contract.features[origin.column], origin) for origin in checked)
    node = graph.producer(value)
    if node is None:
        return value in graph.constants and not np.isnan(graph.constants[value]).any()
    if node.op_type in ("Equal", "Cast"):
        return True
    squared = node.op_type == "Mul" and node.input[0] == node.input[1]
    if squared or node.op_type in ("Exp", "ReduceSum") or is_gather(graph, node):
        return never_missing(graph, node.input[0], contract)
    if node.op_type in ("Sub", "Mul"):
        is_constant = node.input[1] in graph.constants
        return is_constant and all(never_missing(graph, name, contract) for name in node.input)
    if node.op_type == "Concat":
        return all(never_missing(graph, name, contract) for name in node.input)
    if node.op_type == "Div":
        return _never_zero(graph, node.input[1], contract) and all(
            never_missing(graph, name, contract) for name in node.input
        )
    return False


def _is_present(feature: Feature, origin: Origin) -> bool:
    return not feature.nullable or origin.statistic is not None
