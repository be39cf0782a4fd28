"""Attackers that ask for another protocol, so that a careless server takes the body for the next request."""

from __future__ import annotations

import random

from benchmarks.siege.attackers.kind import CLOSED, WRONG, Kind, fresh_id, outcome
from benchmarks.siege.rows import prediction
from benchmarks.siege.wire import Wire, WireError, prediction_request, request

TOKENS = ("websocket", "h2c", "TLS/1.2", "HTTP/2.0", "websocket, h2c", "nothing")
BODY_BYTES = (16_384, 24_576)
SMUGGLED = 7_777_777
"""The row of the hidden request: an answer with its sum is an answer to the body."""


def smuggling_request(rng: random.Random, request_id: str) -> bytes:
    """Return a POST with an ``Upgrade`` whose body of 16 to 24 KB begins with a whole request."""
    token = rng.choice(TOKENS)
    hidden_requests = prediction_request(SMUGGLED, "smuggled")
    body = hidden_requests * (rng.randint(*BODY_BYTES) // len(hidden_requests))
    extra_headers = ["Connection: Upgrade", f"Upgrade: {token}"]
    if "h2c" in token:
        extra_headers = ["Connection: Upgrade, HTTP2-Settings", f"Upgrade: {token}", "HTTP2-Settings: AAEAAEAAAAIAAAAA"]
    if "websocket" in token:
        extra_headers += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    chunks = rng.choice((None, 1_000, len(body)))
    return request(body, *extra_headers, request_id=request_id, chunks=chunks)


async def smuggle(port: int, rng: random.Random) -> str:
    """Send a smuggling request, whole or in pieces, then a good one: two answers must arrive, each for its own request."""
    request_id, next_id, number = fresh_id(rng), fresh_id(rng), rng.randrange(2**30)
    data = smuggling_request(rng, request_id) + prediction_request(number, next_id)
    size = rng.choice((len(data), 8_192, 1_460))
    with await Wire.open(port) as wire:
        try:
            for start in range(0, len(data), size):
                await wire.send(data[start : start + size])
            first = await wire.answer()
        except (WireError, OSError):
            return CLOSED
        if first.status == 200 or first.request_id == "smuggled":
            return WRONG
        return await outcome(wire, next_id, prediction(number))


async def offer(port: int, rng: random.Random) -> str:
    """Offer an upgrade with a good prediction, as Java's client does: it is answered as if there were no offer."""
    request_id, number = fresh_id(rng), rng.randrange(2**30)
    extra_headers = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAA")
    with await Wire.open(port) as wire:
        await wire.send(prediction_request(number, request_id, *extra_headers))
        result = await outcome(wire, request_id, prediction(number))
    return WRONG if result == "400" else result


KINDS = (
    Kind("upgrade_smuggling", "an Upgrade with a body of 16 to 24 KB that holds requests", smuggle, 4),
    Kind("upgrade_offer", "a good prediction that offers h2c", offer, 4),
)
