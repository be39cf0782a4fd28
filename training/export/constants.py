"""The constants of a graph, found by their content: equal arrays are kept once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Content = tuple[str, tuple[int, ...], bytes]


class Constants(MutableMapping[str, NDArray[Any]]):
    """Arrays by name. Nobody may change an array that is kept.

    Args:
        arrays: what there is from the beginning.
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
        """Keep an array."""
        content = _content(array)
        self._arrays[name] = array
        self._content[name] = content
        self._names.setdefault(content, name)

    def __delitem__(self, name: str) -> None:
        """Forget an array."""
        del self._arrays[name]
        content = self._content.pop(name)
        if self._names.get(content) == name:
            del self._names[content]

    def __iter__(self) -> Iterator[str]:
        """Yield the names in the order in which the arrays came."""
        return iter(self._arrays)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._arrays)

    def name_of(self, array: NDArray[Any]) -> str | None:
        """Return the name of a constant that equals an array bit for bit, with its type and shape; None where none does."""
        return self._names.get(_content(array))


def _content(array: NDArray[Any]) -> _Content:
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return array.dtype.str, array.shape, hashlib.sha256(data.data).digest()
