"""Attackers that take their time: halves of requests, bytes one at a time, answers that are read slowly or never."""

from __future__ import annotations

import asyncio
import random

from benchmarks.siege.attackers.kind import CLOSED, LEFT, Kind, first_fault, fresh_id, outcome, pour
from benchmarks.siege.rows import prediction
from benchmarks.siege.wire import Wire, prediction_request

TRICKLE_PAUSE_S = 0.2
UNREAD_REQUESTS = 10_000
SLOW_REQUESTS = 200
_TINY_BUFFER = 2_048
_BLOCKED_S = 1.0
_HOLD_S = 40.0
_BLOCK = 50


async def half_head(port: int, rng: random.Random) -> str:
    """Send half a head, sometimes after an answered request, and wait."""
    with await Wire.open(port) as wire:
        data = prediction_request(1, fresh_id(rng))
        if rng.random() < 0.5:
            await wire.send(data)
            await outcome(wire)
        await wire.send(data[: rng.randrange(1, data.index(b"\r\n\r\n"))])
        return await outcome(wire)


async def half_body(port: int, rng: random.Random) -> str:
    """Send a head and half a body, and wait."""
    with await Wire.open(port) as wire:
        data = prediction_request(1, fresh_id(rng))
        start = data.index(b"\r\n\r\n") + 4
        await wire.send(data[: rng.randrange(start, len(data))])
        return await outcome(wire)


async def trickle(port: int, rng: random.Random) -> str:
    """Send a request a byte at a time: it takes longer than head and body may take."""
    data = prediction_request(1, fresh_id(rng), f"X-Padding: {'p' * 200}")
    with await Wire.open(port) as wire:
        return await pour(wire, [data[index : index + 1] for index in range(len(data))], TRICKLE_PAUSE_S)


async def never_read(port: int, rng: random.Random) -> str:
    """Send predictions until the server accepts no more, never read, and stay."""
    with await Wire.open(port, receive_bytes=_TINY_BUFFER) as wire:
        block = b"".join(prediction_request(number, fresh_id(rng)) for number in range(_BLOCK))
        try:
            for _ in range(UNREAD_REQUESTS // _BLOCK):
                async with asyncio.timeout(_BLOCKED_S):
                    await wire.send(block)
        except TimeoutError:
            pass
        except OSError:
            return CLOSED
        await asyncio.sleep(_HOLD_S)
    return LEFT


async def slow_read(port: int, rng: random.Random) -> str:
    """Send 200 predictions in one segment and read the answers 1 KB at a time."""
    ids = [fresh_id(rng) for _ in range(SLOW_REQUESTS)]
    with await Wire.open(port, receive_bytes=_TINY_BUFFER, read_bytes=1_024, read_pause_s=0.05) as wire:
        sending = asyncio.ensure_future(wire.send(b"".join(map(prediction_request, range(SLOW_REQUESTS), ids))))
        try:
            return first_fault([await outcome(wire, name, prediction(number)) for number, name in enumerate(ids)])
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


KINDS = (
    Kind("half_head", "half a head, at times behind an answer, then silence", half_head, 30),
    Kind("half_body", "half a body, then silence", half_body, 30),
    Kind("trickle", "a byte every 0.2 s", trickle, 30),
    Kind("never_read", "up to 10,000 pipelined predictions whose answers nobody reads", never_read, 20, ends=False),
    Kind("slow_read", "200 pipelined predictions, answers read 1 KB at a time", slow_read, 8),
)
