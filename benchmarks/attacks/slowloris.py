"""Slowloris: many sockets that send a header line from time to time, so that their requests never end."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.siege.wire import Wire, WireError

SOCKETS = 200
PAUSE_S = 0.5
SECONDS = 25.0
"""Longer than a request's head may take (``head_timeout_s``, 10 s)."""


@dataclass
class Slowloris:
    """The results of slow sockets."""

    sockets: int
    """The number of sockets that are open at any time."""
    opened: int = 0
    ended: int = 0
    """The number of sockets that the service ended."""
    longest_s: float = 0.0
    """The longest life of a socket, in seconds."""
    statuses: dict[str, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the results as JSON."""
        return asdict(self)


async def attack_slowly(
    port: int, seed: int, *, sockets: int = SOCKETS, seconds: float = SECONDS, pause_s: float = PAUSE_S
) -> Slowloris:
    """Keep slow sockets open for some seconds; a socket that the service ends is replaced.

    Args:
        port: of 127.0.0.1.
        seed: of the pauses.
        sockets: the number of sockets at a time.
        seconds: the duration.
        pause_s: the mean time between two header lines.
    """
    result = Slowloris(sockets, statuses={})
    end_s = time.perf_counter() + seconds

    async def hold(rng: random.Random) -> None:
        while time.perf_counter() < end_s:
            try:
                wire = await Wire.open(port)
            except OSError:
                await asyncio.sleep(pause_s)
                continue
            result.opened += 1
            started_s = time.perf_counter()
            with wire:
                if await _trickle(wire, rng, end_s, pause_s, result):
                    result.ended += 1
                    result.longest_s = max(result.longest_s, round(time.perf_counter() - started_s, 2))

    async with asyncio.TaskGroup() as group:
        for number in range(sockets):
            group.create_task(hold(random.Random(f"{seed}-{number}")))
    return result


async def _trickle(wire: Wire, rng: random.Random, end_s: float, pause_s: float, result: Slowloris) -> bool:
    """Send header lines until the service answers or closes, or the time is over; return whether the service ended it."""
    answer = asyncio.ensure_future(wire.answer())
    try:
        await wire.send(b"POST /predict HTTP/1.1\r\nHost: siege\r\n")
        while time.perf_counter() < end_s:
            await asyncio.wait({answer}, timeout=rng.uniform(0.5, 1.5) * pause_s)
            if answer.done():
                break
            await wire.send(b"X-%d: a\r\n" % rng.randrange(10**6))
    except OSError:
        pass
    if not answer.done():
        answer.cancel()
        await asyncio.gather(answer, return_exceptions=True)
        return time.perf_counter() < end_s
    try:
        status = str(answer.result().status)
    except (WireError, OSError):
        status = "closed"
    assert result.statuses is not None
    result.statuses[status] = result.statuses.get(status, 0) + 1
    return True
