"""Sends hostile requests over many connections, and judges every answer."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.attacks.corpus import HostileRequest
from benchmarks.attacks.judge import SECRET, faults_of, split_answers
from benchmarks.siege.wire import Wire, request

CONNECTIONS = 8
SILENT_S = 30.0
"""The seconds after which a service that neither answers nor closes hangs."""
EXAMPLES = 20
"""The number of faults of which the bytes are kept."""
_CANARY_EVERY = 25


@dataclass
class Volley:
    """The results of many hostile requests."""

    requests: int = 0
    families: dict[str, Counter[str]] = field(default_factory=dict)
    """The number of answers by family and status; ``none`` if the service closed without an answer."""
    hung: int = 0
    faults: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add_fault(self, hostile: HostileRequest, text: str) -> None:
        """Count a fault, and keep the first ones with their bytes."""
        self.faults += 1
        if len(self.examples) < EXAMPLES:
            sent = hostile.data[:2_000].decode("latin-1")
            self.examples.append({"family": hostile.family, "fault": text, "sent": sent})

    def to_json(self) -> dict[str, Any]:
        """Return the results as JSON."""
        families = {name: dict(sorted(counts.items())) for name, counts in self.families.items()}
        return {
            "requests": self.requests,
            "hung": self.hung,
            "faults": self.faults,
            "families": families,
            "examples": self.examples,
        }


async def exchange(port: int, data: bytes) -> bytes | None:
    """Send bytes, close the sending half, and return all received bytes; None if the service hangs."""
    received = bytearray()
    with await Wire.open(port) as wire:
        try:
            async with asyncio.timeout(SILENT_S):
                # The service may close before it has read everything; its answer can still be read.
                with suppress(OSError):
                    await wire.send(data)
                wire.half_close()
                while chunk := await wire.receive():
                    received += chunk
        except TimeoutError:
            return None
        except OSError:
            pass
    return bytes(received)


async def fire(
    port: int, requests: Iterator[HostileRequest], count: int, connections: int = CONNECTIONS, pause_s: float = 0.0
) -> Volley:
    """Send hostile requests, several at a time, and judge the answers.

    Args:
        port: of 127.0.0.1.
        requests: where the requests come from.
        count: the number of requests.
        connections: the number of requests at a time.
        pause_s: the pause of a connection's place between two requests, in seconds.
    """
    volley = Volley()
    pending = itertools.islice(requests, count)

    async def work() -> None:
        for hostile in pending:
            await _judge(port, hostile, volley)
            if pause_s:
                await asyncio.sleep(pause_s)

    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            group.create_task(work(), name=f"attacker-{number}")
    return volley


async def _judge(port: int, hostile: HostileRequest, volley: Volley) -> None:
    """Send one hostile request and judge what comes back."""
    volley.requests += 1
    if volley.requests % _CANARY_EVERY == 0:
        await _send_canary(port, random.Random(volley.requests))
    counts = volley.families.setdefault(hostile.family, Counter())
    received = await exchange(port, hostile.data)
    if received is None:
        volley.hung += 1
        counts["hung"] += 1
        volley.add_fault(hostile, f"no answer and no end for {SILENT_S:g} s")
        return
    try:
        answers = list(split_answers(received))
    except ValueError as error:
        volley.add_fault(hostile, str(error))
        return
    counts["none" if not answers else str(answers[0].status)] += 1
    for answer in answers:
        for fault in faults_of(answer, hostile.data):
            volley.add_fault(hostile, fault)


async def _send_canary(port: int, rng: random.Random) -> None:
    """Send a wrong value and a request id that no other answer may have."""
    body = b'{"count": "%b", "width": "%b"}' % (SECRET, SECRET)
    await exchange(port, request(body, "Connection: close", request_id=f"{SECRET.decode()}-{rng.getrandbits(32)}"))
