"""Kinds of attackers, and the names of their outcomes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.siege.wire import Wire, WireError

HUNG_S = 30.0
"""The time after which an answer is missing: three times the limit for a head or a body."""

OUTCOME_ANSWERED = "answered"
OUTCOME_REFUSED = "refused"
CLOSED = "closed"
LEFT = "left"
HUNG = "hung"
WRONG = "wrong"
SWALLOWED = "swallowed"
FAULTS = frozenset((HUNG, WRONG, SWALLOWED))
"""Outcomes that are faults of the server: no answer and no end, the answer to another request, unlimited input."""

Attack = Callable[[int, random.Random], Coroutine[Any, Any, str]]
"""One attempt: takes the server's port and a seeded generator, and returns the outcome."""


@dataclass(frozen=True)
class Kind:
    """One kind of attacker."""

    name: str
    description: str
    """The behaviour of the attacker, for the table."""
    attack: Attack
    workers: int = 4
    """The number of parallel attempts."""
    pause_s: float = 0.02
    """The pause of a worker between two attempts, which limits the attackers' own cost."""
    ends: bool = True
    """Whether the server must bring every attempt to an end within ``HUNG_S``; others stay until they are cancelled."""


def fresh_id(rng: random.Random) -> str:
    """Return a request id that no other client uses."""
    return f"attack-{rng.getrandbits(64):016x}"


async def outcome(wire: Wire, request_id: str | None = None, predictions: float | list[float] | None = None) -> str:
    """Read one answer and return its outcome.

    Args:
        wire: the connection.
        request_id: the id that the answer must repeat; None if the request may have had none.
        predictions: the numbers that a 200 must have; None if any will do.

    Returns:
        ``answered``, ``refused`` (503), ``wrong``, ``closed``, ``hung``, or another status as text.
    """
    try:
        async with asyncio.timeout(HUNG_S):
            answer = await wire.answer()
    except TimeoutError:
        return HUNG
    except (WireError, OSError):
        return CLOSED
    if request_id is not None and answer.request_id != request_id:
        return WRONG if answer.status != 400 else "400"
    if answer.status == 503:
        return OUTCOME_REFUSED
    if answer.status != 200:
        return str(answer.status)
    if request_id is not None and predictions is not None and not answer.matches(request_id, predictions):
        return WRONG
    return OUTCOME_ANSWERED


async def pour(wire: Wire, pieces: Iterable[bytes], pause_s: float = 0.0) -> str:
    """Send pieces until they end, or until the server answers or closes, and return the outcome.

    ``swallowed`` means that all was sent and the server had not reacted.
    """
    answer = asyncio.ensure_future(outcome(wire))
    sending: asyncio.Future[None] | None = None
    try:
        for piece in pieces:
            sending = asyncio.ensure_future(wire.send(piece))
            await asyncio.wait({answer, sending}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if sending.exception() is not None:
                return await answer
            if pause_s:
                await asyncio.wait({answer}, timeout=pause_s)
        return SWALLOWED
    finally:
        tasks = [task for task in (answer, sending) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def first_fault(outcomes: Iterable[str]) -> str:
    """Return the first fault of several outcomes, or else the last outcome."""
    last = OUTCOME_ANSWERED
    for last in outcomes:
        if last in FAULTS:
            break
    return last
