"""Packing: many small operations over columns become few over the packed rows.

At one row a node costs a third of a microsecond whatever it does, so the number of nodes is the price of preprocessing.
Every pass here leaves each value as it was, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from training.export.graph import TREE_DOMAIN, Graph, attribute


@dataclass(frozen=True)
class Origin:
    """Where a column comes from: a column of the packed rows, and what stands in where it is missing."""

    column: int
    statistic: float | None = None


def origins(graph: Graph, value: str) -> list[Origin] | None:
    """Return the origin of each column of a two-dimensional value, or None where it is more than chosen or imputed."""
    if value == graph.inputs[0].name:
        return [Origin(column) for column in range(graph.width(value) or 0)]
    node = graph.producer(value)
    if node is None:
        return None
    if is_gather(graph, node):
        source = origins(graph, node.input[0])
        chosen = graph.constants[node.input[1]]
        return None if source is None else [source[at] for at in chosen.ravel()]
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
    """Say whether a node picks columns by constant positions."""
    return node.op_type == "Gather" and attribute(node, "axis", 0) == 1 and node.input[1] in graph.constants


def is_imputation(graph: Graph, node: Any) -> bool:
    """Say whether a node is Where(IsNaN(x), statistics, x) with one statistic per column."""
    if node.op_type != "Where" or node.input[1] not in graph.constants:
        return False
    missing = graph.producer(node.input[0])
    return (
        missing is not None
        and missing.op_type == "IsNaN"
        and missing.input[0] == node.input[2]
        and graph.constants[node.input[1]].size == graph.width(node.input[2])
    )


def drop_identities(graph: Graph) -> bool:
    """Take out Identity nodes, and Gathers of all columns in their order."""
    changed = False
    for node in graph.nodes:
        whole = is_gather(graph, node) and np.array_equal(
            graph.constants[node.input[1]], np.arange(graph.width(node.input[0]) or 0)
        )
        if node.op_type == "Identity" or whole:
            graph.remove(node)
            graph.replace(node.output[0], node.input[0])
            changed = True
    return changed


def compose_gathers(graph: Graph) -> bool:
    """Pick columns of picked columns in one step."""
    changed = False
    for node in graph.nodes:
        inner = graph.producer(node.input[0])
        if not is_gather(graph, node) or inner is None or not is_gather(graph, inner):
            continue
        first, second = graph.constants[inner.input[1]], graph.constants[node.input[1]]
        if first.ndim == 1:
            graph.nodes.read(node, 0, inner.input[0])
            graph.nodes.read(node, 1, graph.constant(first[second], "columns"))
            changed = True
    return changed


def join_gathers(graph: Graph) -> bool:
    """Pick columns that stand side by side in one step, where they are picked from the same value one after the other."""
    changed = False
    for node in graph.nodes:
        if node.op_type != "Concat" or attribute(node, "axis") != 1:
            continue
        inputs = _flattened(graph, node)
        joined: list[str] = []
        for source, run in groupby(inputs, key=lambda name: _picked_from(graph, name)):
            values = list(run)
            whole_unknown = source in values and graph.width(source) is None
            joined += values if len(values) == 1 or whole_unknown else [_picked(graph, values, node)]
        if joined == list(node.input):
            continue
        whole = joined[0] if len(joined) == 1 else graph.add("Concat", joined, "joined", before=node, axis=1)
        graph.remove(node)
        graph.replace(node.output[0], whole)
        changed = True
    return changed


def _flattened(graph: Graph, node: Any) -> list[str]:
    """Return what a Concat puts together, through Concats that nothing else reads."""
    inputs: list[str] = []
    for name in node.input:
        inner = graph.producer(name)
        alone = len(graph.consumers(name)) == 1 and name not in graph.outputs
        if inner is not None and inner.op_type == "Concat" and attribute(inner, "axis") == 1 and alone:
            inputs += inner.input
        else:
            inputs.append(name)
    return inputs


def _picked_from(graph: Graph, value: str) -> str:
    """Return the value that another one is picked from, or the value itself."""
    node = graph.producer(value)
    picked = node is not None and is_gather(graph, node) and graph.constants[node.input[1]].ndim == 1
    return str(node.input[0]) if picked and node is not None else value


def _picked(graph: Graph, values: Sequence[str], before: Any) -> str:
    """Return one Gather of what several values pick from the same one."""
    source = _picked_from(graph, values[0])
    columns = []
    for value in values:
        node = None if value == source else graph.producer(value)
        columns.append(np.arange(graph.width(source) or 0) if node is None else graph.constants[node.input[1]])
    chosen = graph.constant(np.concatenate(columns).astype(np.int64), "columns")
    return graph.add("Gather", [source, chosen], "picked", before=before, axis=1)


def merge_imputations(graph: Graph) -> bool:
    """Impute the packed rows once instead of each group's columns on their own.

    Groups that impute the same column with different values stay as they are, all but the first.
    """
    rows = graph.inputs[0].name
    width = graph.width(rows) or 0
    single: list[tuple[Any, list[Origin]]] = []
    statistics: dict[int, float] = {}
    for node in graph.nodes:
        if not is_imputation(graph, node) or node.input[2] == rows:
            continue
        found = origins(graph, node.output[0])
        if found is None:
            continue
        wanted = {origin.column: origin.statistic for origin in found if origin.statistic is not None}
        if all(statistics.get(column, value) == value for column, value in wanted.items()):
            statistics.update(wanted)
            single.append((node, found))
    if not single:
        return False
    packed = np.full((1, width), np.nan)
    packed[0, list(statistics)] = list(statistics.values())
    first = graph.nodes[0]
    missing = graph.add("IsNaN", [rows], "missing", before=first)
    imputed = graph.add("Where", [missing, graph.constant(packed, "statistics"), rows], "imputed", before=first)
    for node, found in single:
        columns = np.array([origin.column for origin in found], dtype=np.int64)
        picked = graph.add("Gather", [imputed, graph.constant(columns, "columns")], "picked", before=node, axis=1)
        graph.remove(node)
        graph.replace(node.output[0], picked)
    return True


def share_equals(graph: Graph) -> bool:
    """Compute a value once that several nodes compute in the same way.

    What reads a value comes behind what makes it, so one walk finds those that become equal on the way, too.
    """
    seen: dict[tuple[object, ...], tuple[str, ...]] = {}
    changed = False
    for node in graph.nodes:
        attributes = tuple(sorted(given.SerializeToString(deterministic=True) for given in node.attribute))
        trees = graph.trees_of(node).digest() if node.domain == TREE_DOMAIN else None
        key = (node.op_type, node.domain, tuple(node.input), attributes, trees, len(node.output))
        if key in seen:
            graph.remove(node)
            for old, new in zip(node.output, seen[key], strict=True):
                graph.replace(old, new)
            changed = True
        else:
            seen[key] = tuple(node.output)
    return changed


def drop_dead(graph: Graph) -> bool:
    """Take out nodes and constants that nothing reads, and that no reader can be led to by what is known as monotone."""
    kept = {known.source for value, known in graph.monotone.items() if graph.producer(value) is not None}
    kept.update(graph.outputs)
    dead = []
    # From the end, so that a node is asked after everything that might read it was.
    for node in reversed(list(graph.nodes)):
        if not any(graph.consumers(value) or value in kept for value in node.output):
            graph.remove(node)
            dead.append(node)
    unread = [name for name in graph.constants if not graph.consumers(name) and name not in graph.outputs]
    for name in unread:
        del graph.constants[name]
    return bool(dead or unread)


PASSES = (drop_identities, compose_gathers, join_gathers, merge_imputations, share_equals, drop_dead)
"""Run until nothing changes."""
