"""What the contract promises about rows, used to spare work: a column that is never missing needs no imputation.

The service refuses a row that breaks the contract before the graph sees it, so the graph need not defend itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from bundle.contract import Contract, Feature
from training.export.graph import Graph
from training.export.packing import Origin, is_gather, is_imputation, origins


def promise_passes(contract: Contract) -> tuple[Callable[[Graph], bool], ...]:
    """Return the passes that use a contract's promises."""

    def drop_imputation(graph: Graph) -> bool:
        """Take out the imputation of columns none of which can be missing."""
        changed = False
        for node in graph.nodes:
            found = origins(graph, node.output[0]) if is_imputation(graph, node) else None
            if found is None:
                continue
            if not any(contract.features[origin.column].nullable for origin in found if origin.statistic is not None):
                graph.remove(node)
                graph.replace(node.output[0], node.input[2])
                changed = True
        return changed

    def drop_zero_guard(graph: Graph) -> bool:
        """Take out the NaN for a zero denominator where no denominator can be zero."""
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
    """Return the Div inside Where(Equal(b, 0), NaN, Div(a, b)), or None."""
    if node.op_type != "Where":
        return None
    test, quotient = graph.producer(node.input[0]), graph.producer(node.input[2])
    if test is None or quotient is None or test.op_type != "Equal" or quotient.op_type != "Div":
        return None
    zero, instead = graph.constants.get(test.input[1]), graph.constants.get(node.input[1])
    if zero is None or instead is None or zero.any() or not np.isnan(instead).all():
        return None
    return quotient if test.input[0] == quotient.input[1] else None


def _never_zero(graph: Graph, value: str, contract: Contract) -> bool:
    found = origins(graph, value)
    return found is not None and all(_off_zero(contract.features[origin.column], origin) for origin in found)


def _off_zero(feature: Feature, origin: Origin) -> bool:
    positive = feature.lower > 0
    negative = feature.upper < 0
    return (positive or negative) and origin.statistic != 0.0


def never_missing(graph: Graph, value: str, contract: Contract, columns: Iterable[int] | None = None) -> bool:
    """Say whether no column of a value, or none of some columns, can ever be NaN for a row that keeps the contract.

    Finite in, no NaN out: that holds for choosing, imputing, comparing, subtracting a constant, squaring, adding
    squares, and dividing by what is never zero. Anything else counts as "may be missing".
    """
    found = origins(graph, value)
    if found is not None:
        asked = found if columns is None else [found[column] for column in columns]
        return all(_present(contract.features[origin.column], origin) for origin in asked)
    node = graph.producer(value)
    if node is None:
        return value in graph.constants and not np.isnan(graph.constants[value]).any()
    if node.op_type in ("Equal", "Cast"):
        return True
    squared = node.op_type == "Mul" and node.input[0] == node.input[1]
    if squared or node.op_type in ("Exp", "ReduceSum") or is_gather(graph, node):
        return never_missing(graph, node.input[0], contract)
    if node.op_type in ("Sub", "Mul"):
        constant = node.input[1] in graph.constants
        return constant and all(never_missing(graph, name, contract) for name in node.input)
    if node.op_type == "Concat":
        return all(never_missing(graph, name, contract) for name in node.input)
    if node.op_type == "Div":
        return _never_zero(graph, node.input[1], contract) and all(
            never_missing(graph, name, contract) for name in node.input
        )
    return False


def _present(feature: Feature, origin: Origin) -> bool:
    return not feature.nullable or origin.statistic is not None
