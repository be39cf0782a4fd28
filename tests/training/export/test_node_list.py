"""The ordered, indexed nodes of a graph."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import helper

from training.export.node_list import NodeList


def _node(output: str, *inputs: str) -> Any:
    return helper.make_node("Add", inputs, [output])


def _outputs(nodes: NodeList) -> list[str]:
    return [node.output[0] for node in nodes]


def test_nodes_keep_their_order() -> None:
    """Nodes stand where they were appended or put in front of another one."""
    first, last = _node("a", "x"), _node("c", "a")
    nodes = NodeList([first, last])
    nodes.insert_before(_node("b", "x"), last)
    nodes.insert_before(_node("0"), first)
    nodes.append(_node("d"))
    assert _outputs(nodes) == ["0", "a", "b", "c", "d"]
    assert len(nodes) == 5
    assert nodes[2].output[0] == "b"
    assert [node.output[0] for node in nodes[-2:]] == ["c", "d"]


def test_makers_and_readers_are_known() -> None:
    """A value's maker and readers follow what is put in, taken out and fed anew."""
    maker, reader, other = _node("a", "x"), _node("b", "a", "a"), _node("c", "a", "x")
    nodes = NodeList([maker, reader, other])
    assert nodes.maker("a") is maker
    assert nodes.maker("x") is None
    assert nodes.readers("a") == [reader, other]
    nodes.read(reader, 0, "x")
    assert nodes.readers("a") == [reader, other]
    nodes.read(reader, 1, "x")
    assert nodes.readers("a") == [other]
    assert {id(node) for node in nodes.readers("x")} == {id(maker), id(other), id(reader)}
    nodes.remove(other)
    assert nodes.readers("a") == []
    nodes.remove(maker)
    assert nodes.maker("a") is None
    assert _outputs(nodes) == ["b"]


def test_equal_nodes_are_told_apart() -> None:
    """The very node that is given is removed, not one that equals it."""
    twin, own = _node("a", "x"), _node("a", "x")
    nodes = NodeList([twin, own])
    nodes.remove(own)
    assert twin in nodes
    assert own not in nodes
    with pytest.raises(KeyError):
        nodes.remove(own)


def test_a_walk_passes_over_what_is_removed_on_the_way() -> None:
    """A node that was removed before its turn does not come; one that was added comes in the next walk."""
    first, second, third = _node("a"), _node("b"), _node("c")
    nodes = NodeList([first, second, third])
    seen = []
    for node in nodes:
        seen.append(node.output[0])
        if node is first:
            nodes.remove(second)
            nodes.append(_node("d"))
    assert seen == ["a", "c"]
    assert _outputs(nodes) == ["a", "c", "d"]
