"""The good clients: each keeps one connection, asks one row at a time, and checks that the answer is its own."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.siege.rows import prediction
from benchmarks.siege.wire import Wire, WireError, prediction_request

CLIENTS = 24
THINK_S = 0.025
"""The mean time between an answer and the next request; 24 clients then ask about 950 times a second."""
HUNG_S = 15.0
"""A request without an answer after this time is hung."""
_AGAIN_S = 0.1


@dataclass
class Figures:
    """The outcomes of good clients in a period."""

    latencies_ms: list[float] = field(default_factory=list)
    """Of the right answers, in milliseconds."""
    refused: int = 0
    """503: the load is above the rate that can be answered in time."""
    wrong: int = 0
    """The answer was another's, or no prediction."""
    lost: int = 0
    """The connection was refused, reset or closed without the answer."""
    hung: int = 0
    """No answer within ``HUNG_S``."""

    @property
    def requests(self) -> int:
        """The number of sent requests."""
        return len(self.latencies_ms) + self.refused + self.wrong + self.lost + self.hung

    def quantile_ms(self, share: float) -> float | None:
        """Return a quantile of the latencies, in milliseconds; None if no request was answered."""
        if not self.latencies_ms:
            return None
        ordered = sorted(self.latencies_ms)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


class GoodClients:
    """Some clients that run until they are stopped.

    Args:
        port: the server's.
        seed: of rows and think times.
        count: the number of clients.
        think_s: the mean time between an answer and the next request, in seconds.
        hung_s: when a request counts as hung, in seconds.
        headers: more header lines of each request.
    """

    def __init__(
        self,
        port: int,
        seed: int,
        *,
        count: int = CLIENTS,
        think_s: float = THINK_S,
        hung_s: float = HUNG_S,
        headers: Sequence[str] = (),
    ) -> None:
        self._port = port
        self._think_s = think_s
        self._hung_s = hung_s
        self._headers = tuple(headers)
        self._figures = Figures()
        self._go = asyncio.Event()
        self._go.set()
        self._busy = 0
        self._tasks = [asyncio.create_task(self._client(index, random.Random(seed + index))) for index in range(count)]

    def take(self) -> Figures:
        """Return the figures since the last call."""
        figures, self._figures = self._figures, Figures()
        return figures

    async def pause(self) -> None:
        """Let no new request be sent, and return when none is under way."""
        self._go.clear()
        while self._busy:
            await asyncio.sleep(0.01)

    def resume(self) -> None:
        """Go on after a pause."""
        self._go.set()

    async def stop(self) -> None:
        """Leave for good.

        Raises:
            Exception: a client failed in a way that is not the server's fault.
        """
        for task in self._tasks:
            task.cancel()
        for failure in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(failure, Exception):
                raise failure

    async def _client(self, index: int, rng: random.Random) -> None:
        wire: Wire | None = None
        number = 0
        try:
            while True:
                await asyncio.sleep(rng.expovariate(1 / self._think_s))
                await self._go.wait()
                number += 1
                self._busy += 1
                try:
                    wire = await self._ask(wire, rng.randrange(2**30), f"good-{index}-{number}")
                finally:
                    self._busy -= 1
                if wire is None:
                    await asyncio.sleep(_AGAIN_S)
        finally:
            if wire is not None:
                wire.close()

    async def _ask(self, wire: Wire | None, number: int, request_id: str) -> Wire | None:
        """Ask for one row; returns the connection, or None if it cannot be used again."""
        try:
            async with asyncio.timeout(self._hung_s):
                if wire is None:
                    wire = await Wire.open(self._port)
                started = time.perf_counter()
                await wire.send(prediction_request(number, request_id, *self._headers))
                answer = await wire.answer()
        except TimeoutError:
            self._figures.hung += 1
        except (OSError, WireError):
            self._figures.lost += 1
        else:
            if answer.matches(request_id, prediction(number)):
                self._figures.latencies_ms.append((time.perf_counter() - started) * 1e3)
            elif answer.status == 503 and answer.request_id == request_id:
                self._figures.refused += 1
            else:
                self._figures.wrong += 1
            if answer.headers.get("connection", "").lower() != "close":
                return wire
        if wire is not None:
            wire.close()
        return None
