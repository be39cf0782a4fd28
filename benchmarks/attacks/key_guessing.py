"""Wrong API keys: none is admitted, and the time of the refusal does not tell how much of a key was right.

The times of two kinds of wrong keys are compared: keys that begin as the right one, and random keys of the same form. The
comparison is Welch's t-test of the means and the difference of the medians. It is reported, not judged: on a busy computer
differences of some microseconds appear by chance.
"""

from __future__ import annotations

import asyncio
import math
import random
import statistics
import string
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.siege.rows import body
from benchmarks.siege.wire import Wire, WireError, request

REFUSALS = (401, 429)
"""The statuses of a wrong key: it is not valid, or its address has tried too many."""
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class KeyGuessing:
    """The results of many wrong keys."""

    guesses: int
    admitted: int
    """The number of wrong keys that were not refused."""
    statuses: dict[str, int]
    prefix_median_us: float
    """The median time of keys of which all but the last characters are right."""
    random_median_us: float
    t_value: float
    """Welch's t of the logarithms of both samples; above some 4.5 the difference is hardly by chance."""

    def to_json(self) -> dict[str, Any]:
        """Return the results as JSON."""
        return asdict(self)


def wrong_key(secret: str, is_prefix: bool, rng: random.Random) -> str:
    """Return a wrong key of the same length: with a right beginning, or with random characters after its readable prefix."""
    start = len(secret) - rng.randint(1, 8) if is_prefix else secret.rfind("_") + 1
    while True:
        key = secret[:start] + "".join(rng.choices(_ALPHABET, k=len(secret) - start))
        if key != secret:
            return key


async def guess_keys(port: int, secret: str, guesses: int, seed: int) -> KeyGuessing:
    """Send wrong keys one after another, both kinds in turn, and measure the time of each refusal.

    Args:
        port: of 127.0.0.1.
        secret: a valid key.
        guesses: the number of wrong keys.
        seed: of the keys.
    """
    rng = random.Random(seed)
    statuses: Counter[int] = Counter()
    times_s: dict[bool, list[float]] = {True: [], False: []}
    wire: Wire | None = None
    for number in range(guesses):
        is_prefix = number % 2 == 0
        key = wrong_key(secret, is_prefix, rng)
        header = f"X-API-Key: {key}" if rng.random() < 0.5 else f"Authorization: Bearer {key}"
        data = request(body(number), header)
        wire = wire or await Wire.open(port)
        started_s = time.perf_counter()
        try:
            await wire.send(data)
            answer = await wire.answer()
        except (WireError, OSError):
            statuses[0] += 1
            wire.close()
            wire = None
            continue
        times_s[is_prefix].append(time.perf_counter() - started_s)
        statuses[answer.status] += 1
        if answer.headers.get("connection") == "close":
            wire.close()
            wire = None
    if wire is not None:
        wire.close()
    return KeyGuessing(
        guesses=guesses,
        admitted=sum(count for status, count in statuses.items() if status not in (*REFUSALS, 0)),
        statuses={str(status): count for status, count in sorted(statuses.items())},
        prefix_median_us=_median_us(times_s[True]),
        random_median_us=_median_us(times_s[False]),
        t_value=round(welch_t(times_s[True], times_s[False]), 2),
    )


def welch_t(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Welch's t of the logarithms of two samples of positive numbers (Welch, 1947); 0 for samples of less than two."""
    if min(len(first), len(second)) < 2:
        return 0.0
    logs = [[math.log(value) for value in sample] for sample in (first, second)]
    spread = sum(statistics.variance(sample) / len(sample) for sample in logs)
    return (statistics.fmean(logs[0]) - statistics.fmean(logs[1])) / math.sqrt(spread) if spread else 0.0


def _median_us(times_s: Sequence[float]) -> float:
    return round(statistics.median(times_s) * 1e6, 2) if times_s else math.nan


def run_guessing(port: int, secret: str, guesses: int, seed: int) -> KeyGuessing:
    """Run ``guess_keys`` on an event loop of its own."""
    return asyncio.run(guess_keys(port, secret, guesses, seed))
