"""Good clients and attackers in one event loop, for a given number of requests and attempts."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

from benchmarks.siege.attackers.kind import CLOSED, Kind
from benchmarks.siege.rows import prediction
from benchmarks.siege.service import BesiegedService
from benchmarks.siege.wire import Wire, prediction_request
from tests.servers import wait_until

GOOD_CLIENTS = 6
REQUESTS = 25
"""Of each good client."""
HUNG_S = 45.0


async def _good_client(port: int, index: int, over: asyncio.Event) -> int:
    """Send requests until the attackers have finished, at least ``REQUESTS``; check each answer and return their number.

    Raises:
        AssertionError: an answer was not this client's own.
        TimeoutError: an answer did not arrive.
        OSError, WireError: the connection was lost.
    """
    rng = random.Random(index)
    count = 0
    with await Wire.open(port) as wire:
        while count < REQUESTS or not over.is_set():
            count += 1
            number, request_id = rng.randrange(2**30), f"good-{index}-{count}"
            async with asyncio.timeout(HUNG_S):
                await wire.send(prediction_request(number, request_id))
                answer = await wire.answer()
            assert answer.matches(request_id, prediction(number)), (answer, number)
            await asyncio.sleep(0)
    return count


async def skirmish(port: int, kinds: Sequence[Kind], attempts: int, seed: int = 1) -> Counter[str]:
    """Run attackers of some kinds in addition to good clients; return the attackers' outcomes.

    Kinds that stay are cancelled when the good clients and all other attackers have finished.

    Raises:
        AssertionError, TimeoutError, OSError, WireError: a good client did not get all its answers.
    """
    outcomes: Counter[str] = Counter()
    over = asyncio.Event()

    async def attempt(kind: Kind, number: int) -> None:
        try:
            outcomes[await kind.attack(port, random.Random(f"{seed}-{kind.name}-{number}"))] += 1
        except OSError:
            outcomes[CLOSED] += 1

    ending = [asyncio.create_task(attempt(kind, number)) for kind in kinds if kind.ends for number in range(attempts)]
    staying = [
        asyncio.create_task(attempt(kind, number)) for kind in kinds if not kind.ends for number in range(attempts)
    ]
    good = [asyncio.create_task(_good_client(port, index, over)) for index in range(GOOD_CLIENTS)]
    try:
        await asyncio.gather(*ending)
        over.set()
        await asyncio.gather(*good)
    finally:
        tasks = [*ending, *staying, *good]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return outcomes


def settles(service: BesiegedService) -> None:
    """Return as soon as no request is in flight; fail if a request stays, or if the watchdog had to answer."""
    wait_until(lambda: service.metric("tabento_in_flight_requests") == 0, "every request to be answered or released")
    assert service.metric("tabento_watchdog_total") == 0
