"""Attackers that send valid requests with seeded mistakes in them."""

from __future__ import annotations

import asyncio
import random

from benchmarks.siege.attackers.kind import CLOSED, HUNG, HUNG_S, WRONG, Kind, fresh_id
from benchmarks.siege.rows import batch_body, body
from benchmarks.siege.wire import ClosedError, Wire, WireError, prediction_request, request

TOKENS = (
    *(b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b"\r\n\r\n", b"0\r\n\r\n", b"ffffffffffffffff", b";", b","),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"HTTP/1.0", b"-1"),
    *(b"Connection: close\r\n", b"Host: other\r\n", b"Upgrade: h2c\r\nConnection: upgrade\r\n", b"POST / HTTP/1.1\r\n"),
)


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return a request with one to four mistakes: a byte changed, a part lost, doubled, moved or put in."""
    content = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(content)) if content else 0
        end = min(len(content), start + rng.randint(1, 40))
        way = rng.randrange(6)
        if way == 0 and content:
            content[start] = rng.randrange(256)
        elif way == 1:
            del content[start:end]
        elif way == 2:
            content[start:start] = content[start:end]
        elif way == 3:
            content[start:start] = rng.choice(TOKENS)
        elif way == 4:
            del content[end:]
        else:
            part = content[start:end]
            del content[start:end]
            target = rng.randrange(len(content) + 1)
            content[target:target] = part
    return bytes(content)


def valid_request(rng: random.Random) -> bytes:
    """Return a valid request: one row or ten, with a length or in chunks."""
    number = rng.randrange(1000)
    content = body(number) if rng.random() < 0.7 else batch_body(range(number, number + 10))
    return request(content, request_id=fresh_id(rng), chunks=rng.choice((None, None, 16, 500)))


async def mutate(port: int, rng: random.Random) -> str:
    """Send one to three mutated requests, half-close, and read answers until the server closes."""
    data = b"".join(mutate_bytes(valid_request(rng), rng) for _ in range(rng.randint(1, 3)))
    return await _exchange(port, data)


async def _exchange(port: int, data: bytes) -> str:
    with await Wire.open(port) as wire:
        try:
            async with asyncio.timeout(HUNG_S):
                await wire.send(data)
                wire.half_close()
                while True:
                    await wire.answer()
        except TimeoutError:
            return HUNG
        except (ClosedError, OSError):
            return CLOSED
        except WireError:
            return WRONG


async def cut_short(port: int, rng: random.Random) -> str:
    """Send a valid request up to a random byte, half-close, and read until the server closes."""
    data = prediction_request(rng.randrange(1000), fresh_id(rng))
    return await _exchange(port, data[: rng.randrange(1, len(data))])


KINDS = (
    Kind("mutations", "valid requests with random mistakes", mutate, 4),
    Kind("cut_short", "valid requests cut at a random byte, then a half-close", cut_short, 4),
)
