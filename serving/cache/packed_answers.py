"""Packed answers: the model's answer to a row as bytes, and the keys under which caches store them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import blake2b, sha256
from typing import Any

from serving.cache.answer_cache import TIME_BYTES
from tabento.bundle.store import Bundle

SEAL_BYTES = 16
"""The length of the seal in a key: 128 bits of a sha256."""
WIDE_ROW_BYTES = 512
"""A longer row, which has the numbers of texts, is replaced in its key by a digest: the row can have hundreds of kilobytes."""
DIGEST_BYTES = 32
_pack_time = struct.Struct("=d").pack


def seal_of(bundle: Bundle) -> bytes:
    """Return the digest of a bundle's manifest, which holds the checksum of each file. Other files, another seal."""
    return sha256(bundle.manifest.model_dump_json().encode()).digest()[:SEAL_BYTES]


def key_function(seal: bytes, row_bytes: int) -> Callable[[bytes], bytes]:
    """Return the function that makes the key of a packed row.

    The key has all bits of the row. So -0.0 and 0.0 have two keys: a model may answer them differently.

    Args:
        seal: the bundle's seal.
        row_bytes: the length of a packed row of the model.
    """
    if row_bytes <= WIDE_ROW_BYTES:
        return seal.__add__
    return lambda row: seal + blake2b(row, digest_size=DIGEST_BYTES).digest()


class AnswerFormat:
    """The entries of one model: the time of the answer, then its numbers, as float64 in native byte order.

    The bits of each number are kept, so an answer is written with the same digits.

    Args:
        width: the number of numbers of an answer, see ``tabento.bundle.contract.answer_width``; None if an answer is a float.
    """

    def __init__(self, width: int | None) -> None:
        numbers = struct.Struct(f"={1 + (width or 1)}d")
        self.numbers_bytes = numbers.size - TIME_BYTES
        """The length of the numbers of an answer."""
        self._pack = numbers.pack
        self._unpack = numbers.unpack
        self.pack: Callable[[float, Any], bytes] = numbers.pack if width is None else self._pack_list
        """Returns the entry of an answer, given the time in seconds and the answer."""
        self.unpack: Callable[[bytes], Any] = self._unpack_float if width is None else self._unpack_list
        """Returns the answer of an entry."""

    def numbers_of(self, entry: bytes) -> bytes:
        """Return the part of an entry after its time."""
        return entry[TIME_BYTES:]

    def entry_of(self, now_s: float, numbers: bytes) -> bytes:
        """Return the entry of an answer whose numbers are packed."""
        return _pack_time(now_s) + numbers

    def _pack_list(self, now_s: float, answer: list[float]) -> bytes:
        return self._pack(now_s, *answer)

    def _unpack_float(self, entry: bytes) -> float:
        number: float = self._unpack(entry)[1]
        return number

    def _unpack_list(self, entry: bytes) -> list[float]:
        return list(self._unpack(entry)[1:])
