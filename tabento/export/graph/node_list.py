"""The nodes of a graph in their order, with an index of the producer and the readers of each value.

The nodes form a doubly linked list: the time to insert, remove or find a node does not depend on the size of the graph.
With Python lists the time of an export of AdaBoost grew with the cube of the number of its members.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

_END = 0
"""The key of both ends of the linked list. No node has this identity."""


class NodeList:
    """Nodes in their order.

    The inputs of a node in the list must be changed with ``set_input``, because only that method updates the index.

    Args:
        nodes: ONNX nodes, in order.
    """

    def __init__(self, nodes: Iterable[Any] = ()) -> None:
        self._nodes: dict[int, Any] = {}
        self._next: dict[int, int] = {_END: _END}
        self._previous: dict[int, int] = {_END: _END}
        self._producers: dict[str, Any] = {}
        self._readers: dict[str, dict[int, Any]] = {}
        for node in nodes:
            self.append(node)

    def __iter__(self) -> Iterator[Any]:
        """Yield the nodes that are in the list now, in order, except those that are removed before they are reached."""
        order = []
        key = self._next[_END]
        while key != _END:
            order.append(self._nodes[key])
            key = self._next[key]
        return (node for node in order if id(node) in self._nodes)

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self._nodes)

    def __getitem__(self, index: Any) -> Any:
        """Return the node at an index, or a list of the nodes in a slice. The time is proportional to the number of nodes."""
        return list(self)[index]

    def __contains__(self, node: Any) -> bool:
        """Return whether this node object is in the list. An equal node is another object."""
        return id(node) in self._nodes

    def append(self, node: Any) -> None:
        """Append a node."""
        self._link(node, _END)

    def insert_before(self, node: Any, follower: Any) -> None:
        """Insert a node before another one."""
        self._link(node, id(follower))

    def remove(self, node: Any) -> None:
        """Remove a node. It is found by identity, because two nodes of a graph can be equal.

        Raises:
            KeyError: the node is not in the list.
        """
        key = id(node)
        del self._nodes[key]
        before, after = self._previous.pop(key), self._next.pop(key)
        self._next[before], self._previous[after] = after, before
        for value in node.output:
            if self._producers.get(value) is node:
                del self._producers[value]
        for value in node.input:
            self._readers.get(value, {}).pop(key, None)

    def set_input(self, node: Any, position: int, value: str) -> None:
        """Set one input of a node to another value."""
        old = node.input[position]
        node.input[position] = value
        if old not in node.input:
            self._readers[old].pop(id(node), None)
        self._readers.setdefault(value, {})[id(node)] = node

    def producer(self, value: str) -> Any | None:
        """Return the node that computes a value, or None."""
        return self._producers.get(value)

    def readers(self, value: str) -> list[Any]:
        """Return the nodes that read a value, in the order in which they were connected to it."""
        return list(self._readers.get(value, {}).values())

    def _link(self, node: Any, after: int) -> None:
        key = id(node)
        before = self._previous[after]
        self._nodes[key] = node
        self._previous[key], self._next[key] = before, after
        self._next[before], self._previous[after] = key, key
        self._producers.update(dict.fromkeys(node.output, node))
        for value in node.input:
            self._readers.setdefault(value, {})[key] = node
