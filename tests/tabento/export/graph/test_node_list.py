"""The ordered, indexed nodes of a graph."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import helper

from tabento.export.graph.node_list import NodeList


def _node(output: str, *inputs: str) -> Any:
    return helper.make_node("Add", inputs, [output])


def _outputs(nodes: NodeList) -> list[str]:
    return [node.output[0] for node in nodes]


def test_nodes_keep_their_order() -> None:
    """Nodes keep the order in which they were appended, or inserted before another one."""
    first, last = _node("a", "x"), _node("c", "a")
    nodes = NodeList([first, last])
    nodes.insert_before(_node("b", "x"), last)
    nodes.insert_before(_node("0"), first)
    nodes.append(_node("d"))
    assert _outputs(nodes) == ["0", "a", "b", "c", "d"]
    assert len(nodes) == 5
    assert nodes[2].output[0] == "b"
    assert [node.output[0] for node in nodes[-2:]] == ["c", "d"]


def test_producers_and_readers_are_indexed() -> None:
    """The index of producers and readers follows every insertion, removal and change of an input."""
    producer, reader, second_reader = _node("a", "x"), _node("b", "a", "a"), _node("c", "a", "x")
    nodes = NodeList([producer, reader, second_reader])
    assert nodes.producer("a") is producer
    assert nodes.producer("x") is None
    assert nodes.readers("a") == [reader, second_reader]
    nodes.set_input(reader, 0, "x")
    assert nodes.readers("a") == [reader, second_reader]
    nodes.set_input(reader, 1, "x")
    assert nodes.readers("a") == [second_reader]
    assert {id(node) for node in nodes.readers("x")} == {id(producer), id(second_reader), id(reader)}
    nodes.remove(second_reader)
    assert nodes.readers("a") == []
    nodes.remove(producer)
    assert nodes.producer("a") is None
    assert _outputs(nodes) == ["b"]


def test_equal_nodes_are_distinct() -> None:
    """`remove` takes out the node object that was passed, and an equal node remains."""
    twin, removed = _node("a", "x"), _node("a", "x")
    nodes = NodeList([twin, removed])
    nodes.remove(removed)
    assert twin in nodes
    assert removed not in nodes
    with pytest.raises(KeyError):
        nodes.remove(removed)


def test_iteration_skips_nodes_that_are_removed_meanwhile() -> None:
    """An iteration skips a node that was removed before it was reached, and does not yield a node that was added."""
    first, second, third = _node("a"), _node("b"), _node("c")
    nodes = NodeList([first, second, third])
    visited = []
    for node in nodes:
        visited.append(node.output[0])
        if node is first:
            nodes.remove(second)
            nodes.append(_node("d"))
    assert visited == ["a", "c"]
    assert _outputs(nodes) == ["a", "c", "d"]
