"""The answers of this process, bounded in bytes and in age; the least recently used ones leave first.

One cache serves all models of a process: the seal of a bundle is a part of each key (``serving.cache.cached_batcher``). Keys
and entries are ``bytes``, which the garbage collector does not visit one by one: a full cache does not make its pauses
longer.
"""

from __future__ import annotations

import struct
from collections import OrderedDict

ENTRY_BYTES = 200
"""The bytes of an entry besides the content of its key and value: the headers of both objects, and the place in the dictionary.

CPython 3.11 takes 150 to 190, by the size of the dictionary; a test measures it.
"""
_stored_s = struct.Struct("=d").unpack_from
TIME_BYTES = 8
"""The length of the time at the beginning of each entry: a float64 in native byte order."""


class AnswerCache:
    """Packed answers by their keys.

    Args:
        max_bytes: the largest number of bytes of all entries.
        max_age_s: the seconds after which an answer is not used any more.
    """

    def __init__(self, max_bytes: int, max_age_s: float) -> None:
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._entries: OrderedDict[bytes, bytes] = OrderedDict()
        self.bytes = 0
        """The bytes of all entries."""
        self.hits = 0
        """The number of rows that were answered without the model."""
        self.misses = 0
        """The number of rows that were handed to the model."""
        self.remote_hits = 0
        """The part of ``hits`` that the second tier answered."""
        self.evictions = {"size": 0, "age": 0}
        """The number of entries that were removed, by the limit that removed them."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes, now_s: float) -> bytes | None:
        """Return an entry, or None if it does not exist or is too old. Rows are counted by the caller.

        Args:
            key: the key.
            now_s: the time in seconds.
        """
        entries = self._entries
        entry = entries.get(key)
        if entry is None:
            return None
        if now_s - _stored_s(entry)[0] > self._max_age_s:
            del entries[key]
            self.bytes -= len(key) + len(entry) + ENTRY_BYTES
            self.evictions["age"] += 1
            return None
        entries.move_to_end(key)
        return entry

    def put(self, key: bytes, entry: bytes) -> None:
        """Store an entry, and remove the least recently used ones if there are too many bytes.

        Args:
            key: the key.
            entry: the time at which the model answered, in seconds, as ``TIME_BYTES`` bytes, and the packed answer.
        """
        entries = self._entries
        former = entries.pop(key, None)
        if former is not None:
            self.bytes -= len(key) + len(former) + ENTRY_BYTES
        entries[key] = entry
        self.bytes += len(key) + len(entry) + ENTRY_BYTES
        while self.bytes > self._max_bytes:
            old_key, old_entry = entries.popitem(last=False)
            self.bytes -= len(old_key) + len(old_entry) + ENTRY_BYTES
            self.evictions["size"] += 1
