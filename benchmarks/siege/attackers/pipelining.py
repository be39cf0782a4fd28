"""Attackers that send the next request before the answer to the last one, and often do not wait for it."""

from __future__ import annotations

import asyncio
import random

from benchmarks.siege.attackers.kind import CLOSED, LEFT, Kind, first_fault, fresh_id, outcome
from benchmarks.siege.rows import batch_body, prediction
from benchmarks.siege.wire import Wire, prediction_request, request

RESET_WITHIN_S = 0.03
FLOOD_REQUESTS = 1_500
_BLOCK = 50


def _three(rng: random.Random) -> tuple[list[int], list[str], bytes]:
    numbers = [rng.randrange(2**30) for _ in range(3)]
    ids = [fresh_id(rng) for _ in numbers]
    return numbers, ids, b"".join(map(prediction_request, numbers, ids))


async def half_close(port: int, rng: random.Random) -> str:
    """Send three predictions in one segment, half-close, and read the three answers."""
    numbers, ids, data = _three(rng)
    with await Wire.open(port) as wire:
        await wire.send(data)
        wire.half_close()
        return first_fault(
            [await outcome(wire, name, prediction(number)) for number, name in zip(numbers, ids, strict=True)]
        )


async def three_then_reset(port: int, rng: random.Random) -> str:
    """Send three predictions in one segment and reset within 30 ms."""
    _, _, data = _three(rng)
    return await _send_and_reset(port, rng, data)


async def batch_then_reset(port: int, rng: random.Random) -> str:
    """Send 200 rows followed by one more prediction, and reset within 30 ms."""
    first = rng.randrange(2**30)
    data = request(batch_body(range(first, first + 200)), request_id=fresh_id(rng))
    return await _send_and_reset(port, rng, data + prediction_request(first, fresh_id(rng)))


async def _send_and_reset(port: int, rng: random.Random, data: bytes) -> str:
    with await Wire.open(port) as wire:
        await wire.send(data)
        await asyncio.sleep(rng.uniform(0, RESET_WITHIN_S))
        wire.reset()
    return LEFT


async def flood(port: int, rng: random.Random) -> str:
    """Send 1,500 predictions as fast as the server takes them, and read each answer in order."""
    numbers = [rng.randrange(2**30) for _ in range(FLOOD_REQUESTS)]
    ids = [fresh_id(rng) for _ in numbers]

    async def send() -> None:
        for start in range(0, FLOOD_REQUESTS, _BLOCK):
            part = slice(start, start + _BLOCK)
            await wire.send(b"".join(map(prediction_request, numbers[part], ids[part])))

    with await Wire.open(port) as wire:
        sending = asyncio.ensure_future(send())
        outcomes = []
        try:
            for number, name in zip(numbers, ids, strict=True):
                outcomes.append(await outcome(wire, name, prediction(number)))
                if outcomes[-1] == CLOSED:
                    break
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    return first_fault(outcomes)


KINDS = (
    Kind("pipeline_half_close", "three predictions in one segment, then a half-close", half_close, 4),
    Kind("pipeline_reset", "three predictions in one segment, a reset after 0 to 30 ms", three_then_reset, 4),
    Kind("batch_reset", "200 rows with one row pipelined, a reset after 0 to 30 ms", batch_then_reset, 2),
    Kind("flood", "1,500 pipelined predictions from one connection, answers read", flood, 1, 0.1),
)
