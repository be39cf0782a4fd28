"""Attackers that send something without an end: a head, a value, a target, trailers, a chunk extension."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import chain, repeat

from benchmarks.siege.attackers.kind import Attack, Kind, pour
from benchmarks.siege.wire import Wire

MOST_BYTES = 16 * 2**20
"""The largest number of bytes that one attempt sends, if the server accepts them."""
_PIECE = 16_384
_HEAD = b"POST /predict HTTP/1.1\r\nHost: siege\r\nContent-Type: application/json\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def _header_lines(start: bytes) -> Iterator[bytes]:
    n_sent, number = 0, 0
    yield start
    while n_sent < MOST_BYTES:
        piece = b"".join(b"X-Line-%d: value\r\n" % (number + index) for index in range(800))
        number += 800
        n_sent += len(piece)
        yield piece


def _repeat_byte(start: bytes, byte: bytes) -> Iterable[bytes]:
    return chain((start,), repeat(byte * _PIECE, MOST_BYTES // _PIECE))


def _attack(start: bytes, fill: bytes | None) -> Attack:
    async def attack(port: int, _rng: random.Random) -> str:
        with await Wire.open(port) as wire:
            return await pour(wire, _header_lines(start) if fill is None else _repeat_byte(start, fill))

    return attack


KINDS = (
    Kind("endless_head", "header lines without end", _attack(_HEAD, None), 2, 0.1),
    Kind("endless_value", "a header value without end", _attack(_HEAD + b"X-Long: ", b"v"), 2, 0.1),
    Kind("endless_name", "a header name without end", _attack(_HEAD, b"n"), 2, 0.1),
    Kind("endless_target", "a request target without end", _attack(b"POST /", b"p"), 2, 0.1),
    Kind("endless_blank_lines", "empty lines before a request without end", _attack(b"", b"\r\n"), 2, 0.1),
    Kind("endless_trailers", "chunk trailers without end", _attack(_CHUNKED + b"1\r\n{\r\n0\r\n", None), 2, 0.1),
    Kind("endless_extension", "a chunk extension without end", _attack(_CHUNKED + b"1;", b"e"), 2, 0.1),
    Kind("endless_chunk_size", "a chunk size of zeros without end", _attack(_CHUNKED, b"0"), 2, 0.1),
)
