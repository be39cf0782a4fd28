"""Attackers whose bodies cost more to read than to send."""

from __future__ import annotations

import json
import random
from functools import cache

from benchmarks.siege.attackers.kind import Kind, fresh_id, outcome
from benchmarks.siege.rows import batch_body, prediction, row
from benchmarks.siege.wire import Wire, request

LARGE_BYTES = 4 * 2**20 - 1_024
SMALL_BYTES = 40_000
ROWS = 1_000


@cache
def unknown_keys(size: int) -> bytes:
    """Return an object of approximately the given size in bytes in which each key is unknown."""
    keys, length, number = [], 2, 0
    while length < size - 12:
        keys.append(f'"{number:x}":0')
        length += len(keys[-1]) + 1
        number += 1
    return ("{" + ",".join(keys) + "}").encode()


@cache
def empty_rows(size: int) -> bytes:
    """Return ``{"instances":[{},{},…]}`` of approximately the given size in bytes."""
    return b'{"instances":[' + b",".join([b"{}"] * ((size - 20) // 3)) + b"]}"


@cache
def rows_with_a_fault() -> bytes:
    """Return 1,000 rows of which one is invalid."""
    rows = [row(number) for number in range(ROWS)]
    rows[ROWS // 2]["width"] = -1
    return json.dumps({"instances": rows}).encode()


@cache
def rows_in_lower_case() -> bytes:
    """Return 1,000 valid rows of which one needs the careful decoder."""
    rows = [row(number) for number in range(ROWS)]
    rows[ROWS // 2]["kind"] = rows[ROWS // 2]["kind"].lower()
    return json.dumps({"instances": rows}).encode()


@cache
def thousand_rows() -> bytes:
    """Return 1,000 valid rows."""
    return batch_body(range(ROWS))


async def _post(port: int, rng: random.Random, body: bytes, predictions: list[float] | None = None) -> str:
    request_id = fresh_id(rng)
    with await Wire.open(port) as wire:
        await wire.send(request(body, request_id=request_id))
        return await outcome(wire, request_id, predictions)


async def small_unknown_keys(port: int, rng: random.Random) -> str:
    """Send 40 KB of unknown keys."""
    return await _post(port, rng, unknown_keys(SMALL_BYTES))


async def large_unknown_keys(port: int, rng: random.Random) -> str:
    """Send 4 MiB of unknown keys."""
    return await _post(port, rng, unknown_keys(LARGE_BYTES))


async def large_empty_rows(port: int, rng: random.Random) -> str:
    """Send 4 MiB of empty rows."""
    return await _post(port, rng, empty_rows(LARGE_BYTES))


async def one_bad_row(port: int, rng: random.Random) -> str:
    """Send 1,000 rows of which one is invalid, or needs the careful decoder."""
    if rng.random() < 0.5:
        return await _post(port, rng, rows_with_a_fault())
    return await _post(port, rng, rows_in_lower_case(), [prediction(number) for number in range(ROWS)])


async def many_rows(port: int, rng: random.Random) -> str:
    """Send 1,000 valid rows, and the next as soon as they are answered."""
    return await _post(port, rng, thousand_rows(), [prediction(number) for number in range(ROWS)])


KINDS = (
    Kind("unknown_keys_small", "bodies of 40 KB with unknown keys only", small_unknown_keys, 2),
    Kind("unknown_keys_large", "bodies of 4 MiB with unknown keys only", large_unknown_keys, 1, 1.0),
    Kind("empty_rows_large", "bodies of 4 MiB with {},{},… as rows", large_empty_rows, 1, 1.0),
    Kind("one_bad_row", "1,000 rows of which one is invalid or in lower case", one_bad_row, 1),
    Kind("thousand_rows", "1,000 rows in a closed loop", many_rows, 1, 0.0),
)
