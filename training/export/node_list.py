"""The nodes of a graph in their order, with an index: who makes a value and who reads it is looked up, not searched.

A chain through all nodes takes the place of a list, so that a node is put in, taken out and found in the same time
whatever the size of the graph. With lists, an export of AdaBoost took time that grew with the cube of its members.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

_END = 0
"""Stands for both ends of the chain; no node has this identity."""


class NodeList:
    """Nodes in their order.

    The inputs of a node that is in the list are changed by ``read`` only; otherwise the index does not hear of it.

    Args:
        nodes: ONNX nodes, in order.
    """

    def __init__(self, nodes: Iterable[Any] = ()) -> None:
        self._nodes: dict[int, Any] = {}
        self._next: dict[int, int] = {_END: _END}
        self._previous: dict[int, int] = {_END: _END}
        self._makers: dict[str, Any] = {}
        self._readers: dict[str, dict[int, Any]] = {}
        for node in nodes:
            self.append(node)

    def __iter__(self) -> Iterator[Any]:
        """Yield the nodes that are in the list now, in order, but for those that are removed before their turn."""
        order = []
        at = self._next[_END]
        while at != _END:
            order.append(self._nodes[at])
            at = self._next[at]
        return (node for node in order if id(node) in self._nodes)

    def __len__(self) -> int:
        """Return how many nodes there are."""
        return len(self._nodes)

    def __getitem__(self, at: Any) -> Any:
        """Return the node at a place, or a list of those in a slice; takes time in proportion to the graph."""
        return list(self)[at]

    def __contains__(self, node: Any) -> bool:
        """Say whether this very node is in the list; another one that equals it is not."""
        return id(node) in self._nodes

    def append(self, node: Any) -> None:
        """Put a node at the end."""
        self._link(node, _END)

    def insert_before(self, node: Any, follower: Any) -> None:
        """Put a node in front of another one."""
        self._link(node, id(follower))

    def remove(self, node: Any) -> None:
        """Take a node out, by identity: two nodes of a graph may be equal.

        Raises:
            KeyError: it is not in the list.
        """
        key = id(node)
        del self._nodes[key]
        before, after = self._previous.pop(key), self._next.pop(key)
        self._next[before], self._previous[after] = after, before
        for value in node.output:
            if self._makers.get(value) is node:
                del self._makers[value]
        for value in node.input:
            self._readers.get(value, {}).pop(key, None)

    def read(self, node: Any, position: int, value: str) -> None:
        """Let an input of a node be another value."""
        old = node.input[position]
        node.input[position] = value
        if old not in node.input:
            self._readers[old].pop(id(node), None)
        self._readers.setdefault(value, {})[id(node)] = node

    def maker(self, value: str) -> Any | None:
        """Return the node that makes a value, or None."""
        return self._makers.get(value)

    def readers(self, value: str) -> list[Any]:
        """Return the nodes that read a value, in the order in which they began to."""
        return list(self._readers.get(value, {}).values())

    def _link(self, node: Any, after: int) -> None:
        key = id(node)
        before = self._previous[after]
        self._nodes[key] = node
        self._previous[key], self._next[key] = before, after
        self._next[before], self._previous[after] = key, key
        self._makers.update(dict.fromkeys(node.output, node))
        for value in node.input:
            self._readers.setdefault(value, {})[key] = node
