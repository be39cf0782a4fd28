"""Packing: passes that replace many small operations on columns with a few operations on the packed rows.

For one row, a node takes a third of a microsecond regardless of its operator, so preprocessing time is proportional to the
number of nodes. Every pass here keeps each value, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from tabento.export.graph.graph import TREE_DOMAIN, Graph, attribute
from tabento.export.graph.origins import Origin, is_gather, is_imputation, origins


def drop_identities(graph: Graph) -> bool:
    """Remove Identity nodes, and Gathers of all columns in their order."""
    changed = False
    for node in graph.nodes:
        selects_all = is_gather(graph, node) and np.array_equal(
            graph.constants[node.input[1]], np.arange(graph.width(node.input[0]) or 0)
        )
        if node.op_type == "Identity" or selects_all:
            graph.remove(node)
            graph.replace(node.output[0], node.input[0])
            changed = True
    return changed


def compose_gathers(graph: Graph) -> bool:
    """Replace a Gather of a Gather with one Gather."""
    changed = False
    for node in graph.nodes:
        inner = graph.producer(node.input[0])
        if not is_gather(graph, node) or inner is None or not is_gather(graph, inner):
            continue
        first, second = graph.constants[inner.input[1]], graph.constants[node.input[1]]
        if first.ndim == 1:
            graph.nodes.set_input(node, 0, inner.input[0])
            graph.nodes.set_input(node, 1, graph.constant(first[second], "columns"))
            changed = True
    return changed


def join_gathers(graph: Graph) -> bool:
    """Replace adjacent Gathers from the same value inside a Concat with one Gather."""
    changed = False
    for node in graph.nodes:
        if node.op_type != "Concat" or attribute(node, "axis") != 1:
            continue
        inputs = _concat_inputs(graph, node)
        joined: list[str] = []
        for source, group in groupby(inputs, key=lambda name: _selection_source(graph, name)):
            values = list(group)
            has_unknown_width = source in values and graph.width(source) is None
            joined += values if len(values) == 1 or has_unknown_width else [_add_joined_gather(graph, values, node)]
        if joined == list(node.input):
            continue
        result = joined[0] if len(joined) == 1 else graph.add("Concat", joined, "joined", before=node, axis=1)
        graph.remove(node)
        graph.replace(node.output[0], result)
        changed = True
    return changed


def _concat_inputs(graph: Graph, node: Any) -> list[str]:
    """Return the inputs of a Concat. An inner Concat that no other node reads is replaced with its inputs."""
    inputs: list[str] = []
    for name in node.input:
        inner = graph.producer(name)
        has_one_reader = len(graph.consumers(name)) == 1 and name not in graph.outputs
        if inner is not None and inner.op_type == "Concat" and attribute(inner, "axis") == 1 and has_one_reader:
            inputs += inner.input
        else:
            inputs.append(name)
    return inputs


def _selection_source(graph: Graph, value: str) -> str:
    """Return the value from which a Gather selects this value, or the value itself if it is not a Gather."""
    node = graph.producer(value)
    is_selection = node is not None and is_gather(graph, node) and graph.constants[node.input[1]].ndim == 1
    return str(node.input[0]) if is_selection and node is not None else value


def _add_joined_gather(graph: Graph, values: Sequence[str], before: Any) -> str:
    """Add one Gather that selects the columns of several Gathers from the same value, and return its output."""
    source = _selection_source(graph, values[0])
    columns = []
    for value in values:
        node = None if value == source else graph.producer(value)
        columns.append(np.arange(graph.width(source) or 0) if node is None else graph.constants[node.input[1]])
    selected = graph.constant(np.concatenate(columns).astype(np.int64), "columns")
    return graph.add("Gather", [source, selected], "picked", before=before, axis=1)


def merge_imputations(graph: Graph) -> bool:
    """Replace the imputations of separate groups of columns with one imputation of the packed rows.

    If groups impute the same column with different values, only the first group is merged.
    """
    rows = graph.inputs[0].name
    width = graph.width(rows) or 0
    merged: list[tuple[Any, list[Origin]]] = []
    statistics: dict[int, float] = {}
    for node in graph.nodes:
        if not is_imputation(graph, node) or node.input[2] == rows:
            continue
        column_origins = origins(graph, node.output[0])
        if column_origins is None:
            continue
        group_statistics = {
            origin.column: origin.statistic for origin in column_origins if origin.statistic is not None
        }
        if all(statistics.get(column, value) == value for column, value in group_statistics.items()):
            statistics.update(group_statistics)
            merged.append((node, column_origins))
    if not merged:
        return False
    row_statistics = np.full((1, width), np.nan)
    row_statistics[0, list(statistics)] = list(statistics.values())
    first = graph.nodes[0]
    missing = graph.add("IsNaN", [rows], "missing", before=first)
    imputed = graph.add("Where", [missing, graph.constant(row_statistics, "statistics"), rows], "imputed", before=first)
    for node, column_origins in merged:
        columns = np.array([origin.column for origin in column_origins], dtype=np.int64)
        picked = graph.add("Gather", [imputed, graph.constant(columns, "columns")], "picked", before=node, axis=1)
        graph.remove(node)
        graph.replace(node.output[0], picked)
    return True


def merge_equal_nodes(graph: Graph) -> bool:
    """Merge nodes that compute the same value.

    A node comes after the nodes that it reads, so one pass also finds nodes that become equal during the pass.
    """
    outputs_by_key: dict[tuple[object, ...], tuple[str, ...]] = {}
    changed = False
    for node in graph.nodes:
        attributes = tuple(
            sorted(attribute_proto.SerializeToString(deterministic=True) for attribute_proto in node.attribute)
        )
        trees = graph.trees_of(node).digest() if node.domain == TREE_DOMAIN else None
        key = (node.op_type, node.domain, tuple(node.input), attributes, trees, len(node.output))
        if key in outputs_by_key:
            graph.remove(node)
            for old, new in zip(node.output, outputs_by_key[key], strict=True):
                graph.replace(old, new)
            changed = True
        else:
            outputs_by_key[key] = tuple(node.output)
    return changed


def drop_dead(graph: Graph) -> bool:
    """Remove nodes and constants that no node reads and that folding cannot use as the source of a monotone value."""
    needed = {fact.source for value, fact in graph.monotone.items() if graph.producer(value) is not None}
    needed.update(graph.outputs)
    dead = []
    # From the end, so that all possible readers of a node are tested before the node.
    for node in reversed(list(graph.nodes)):
        if not any(graph.consumers(value) or value in needed for value in node.output):
            graph.remove(node)
            dead.append(node)
    unread = [name for name in graph.constants if not graph.consumers(name) and name not in graph.outputs]
    for name in unread:
        del graph.constants[name]
    return bool(dead or unread)


PASSES = (drop_identities, compose_gathers, join_gathers, merge_imputations, merge_equal_nodes, drop_dead)
"""The passes, which run until no pass changes the graph."""
