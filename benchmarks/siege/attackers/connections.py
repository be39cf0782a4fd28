"""Attackers of connections: left open, opened and closed, or with garbage after a request."""

from __future__ import annotations

import asyncio
import random

from benchmarks.siege.attackers.kind import CLOSED, LEFT, OUTCOME_ANSWERED, WRONG, Kind, fresh_id, outcome
from benchmarks.siege.rows import prediction
from benchmarks.siege.wire import Wire, prediction_request

GARBAGE = (b"\x00\x01\x02\xff", b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"{}", b"GET / HTTP/9.9\r\n\r\n")
_HOLD_S = 40.0


async def garbage(port: int, rng: random.Random) -> str:
    """Send garbage after a good request in one segment: the request is answered, then the connection ends."""
    request_id, number = fresh_id(rng), rng.randrange(2**30)
    with await Wire.open(port) as wire:
        await wire.send(prediction_request(number, request_id) + rng.choice(GARBAGE) * rng.randint(1, 20) + b"\r\n\r\n")
        result = await outcome(wire, request_id, prediction(number))
        if result not in (OUTCOME_ANSWERED, "refused"):
            return WRONG
        after = await outcome(wire)
    return result if after in (CLOSED, "400", "501", "505") else after


async def left_open(port: int, _rng: random.Random) -> str:
    """Open a connection, send nothing, and stay."""
    with await Wire.open(port) as wire:
        end = asyncio.ensure_future(wire.until_end())
        try:
            await asyncio.wait({end}, timeout=_HOLD_S)
        finally:
            end.cancel()
            await asyncio.gather(end, return_exceptions=True)
    return LEFT


async def churn(port: int, rng: random.Random) -> str:
    """Open a connection for one request, or for none, and close or reset it."""
    with await Wire.open(port) as wire:
        way = rng.randrange(4)
        if way == 0:
            wire.reset()
        elif way == 1:
            request_id, number = fresh_id(rng), rng.randrange(2**30)
            await wire.send(prediction_request(number, request_id))
            return await outcome(wire, request_id, prediction(number))
        elif way == 2:
            await wire.send(prediction_request(1, fresh_id(rng)))
            wire.reset()
    return LEFT


KINDS = (
    Kind("garbage", "garbage behind a good request in one segment", garbage, 4),
    Kind("left_open", "200 connections that say nothing", left_open, 200, 0.1, ends=False),
    Kind("churn", "a new connection for each request, or for none", churn, 6, 0.01),
)
