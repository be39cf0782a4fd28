"""The constants of a graph, indexed by their content: equal arrays are stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Content = tuple[str, tuple[int, ...], bytes]


class Constants(MutableMapping[str, NDArray[Any]]):
    """Arrays by name. A stored array must not be changed.

    Args:
        arrays: the first arrays, by name.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}
        self._content: dict[str, _Content] = {}
        self._names: dict[_Content, str] = {}
        for name, array in arrays.items():
            self[name] = array

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return an array."""
        return self._arrays[name]

    def __setitem__(self, name: str, array: NDArray[Any]) -> None:
        """Store an array."""
        content = _content(array)
        self._arrays[name] = array
        self._content[name] = content
        self._names.setdefault(content, name)

    def __delitem__(self, name: str) -> None:
        """Remove an array."""
        del self._arrays[name]
        content = self._content.pop(name)
        if self._names.get(content) == name:
            del self._names[content]

    def __iter__(self) -> Iterator[str]:
        """Yield the names in the order in which the arrays were added."""
        return iter(self._arrays)

    def __len__(self) -> int:
        """Return the number of arrays."""
        return len(self._arrays)

    def name_of(self, array: NDArray[Any]) -> str | None:
        """Return the name of a constant with the same bits, dtype and shape as an array, or None if there is none."""
        return self._names.get(_content(array))


def _content(array: NDArray[Any]) -> _Content:
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return array.dtype.str, array.shape, hashlib.sha256(data.data).digest()
