"""Clients that record the outcome of every single request, so that each failure can be explained."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Literal

from benchmarks.siege.rows import prediction
from benchmarks.siege.wire import Wire, WireError, prediction_request

CLIENTS = 24
THINK_S = 0.01
HUNG_S = 15.0
_AGAIN_S = 0.05

Outcome = Literal["right", "refused", "wrong", "lost", "hung", "no connection"]
"""The outcome of a request: the right answer; 503; another answer; the end of the connection after it was sent; no answer;
or no connection on which it could be sent."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request and its outcome."""

    outcome: Outcome
    ended_s: float
    """By ``time.perf_counter``."""
    seconds: float
    local_port: int
    """The client's port; 0 without a connection."""
    is_first: bool
    """Whether it was the first request of its connection: the service may not have accepted that connection."""
    request_id: str = ""
    """Empty without a connection."""


class WatchedClients:
    """Clients that each keep one connection and send one row at a time until they are stopped.

    Args:
        port: of 127.0.0.1.
        seed: of rows and pauses.
        count: the number of clients.
        think_s: the mean time between an answer and the next request, in seconds.
    """

    def __init__(self, port: int, seed: int, *, count: int = CLIENTS, think_s: float = THINK_S) -> None:
        self._port = port
        self._think_s = think_s
        self._is_over = asyncio.Event()
        self.requests: list[RecordedRequest] = []
        self._tasks = [asyncio.create_task(self._client(index, random.Random(seed + index))) for index in range(count)]

    async def stop(self) -> list[RecordedRequest]:
        """Send no more requests, wait for the answers that are still missing, and return all requests."""
        self._is_over.set()
        await asyncio.gather(*self._tasks)
        return self.requests

    async def _client(self, index: int, rng: random.Random) -> None:
        wire: Wire | None = None
        number = 0
        while not self._is_over.is_set():
            await asyncio.sleep(rng.expovariate(1 / self._think_s))
            number += 1
            is_first = wire is None
            if wire is None:
                try:
                    wire = await Wire.open(self._port)
                except OSError:
                    self.requests.append(RecordedRequest("no connection", time.perf_counter(), 0.0, 0, True))
                    await asyncio.sleep(_AGAIN_S)
                    continue
            local_port, started_s = wire.local_port, time.perf_counter()
            request_id = f"watched-{index}-{number}"
            outcome, is_kept = await _send(wire, rng.randrange(2**30), request_id)
            ended_s = time.perf_counter()
            self.requests.append(
                RecordedRequest(outcome, ended_s, ended_s - started_s, local_port, is_first, request_id)
            )
            if not is_kept:
                wire.close()
                wire = None
        if wire is not None:
            wire.close()


async def _send(wire: Wire, number: int, request_id: str) -> tuple[Outcome, bool]:
    """Send one row; return the outcome, and whether the connection can be used again."""
    try:
        async with asyncio.timeout(HUNG_S):
            await wire.send(prediction_request(number, request_id))
            answer = await wire.answer()
    except TimeoutError:
        return "hung", False
    except (WireError, OSError):
        return "lost", False
    is_kept = answer.headers.get("connection", "").lower() != "close"
    if answer.matches(request_id, prediction(number)):
        return "right", is_kept
    if answer.status == 503 and answer.request_id == request_id:
        return "refused", is_kept
    return "wrong", False
