"""The comparison of latencies holds at any time, and also if they rise and fall."""

from __future__ import annotations

import math

import numpy as np

from tabento.ab_test.latency import latency_counts
from tabento.ab_test.latency_rise import latency_rise


def histogram(median_s: float, count: int, seed: int) -> list[int]:
    """Return the histogram of lognormal latencies."""
    return latency_counts((median_s * np.random.default_rng(seed).lognormal(0, 0.4, count)).tolist())


def test_twice_as_slow_passes_a_limit_of_half() -> None:
    """1,000 latencies of 4 ms against 9,000 of 2 ms pass; 1,000 of 2 ms prove the contrary."""
    champion = histogram(0.002, 9_000, 0)
    slow = latency_rise(champion, histogram(0.004, 1_000, 1), 0.95, 1.5, 0.1)
    equal = latency_rise(champion, histogram(0.002, 1_000, 2), 0.95, 1.5, 0.1)
    assert slow.above > -math.log(0.001)
    assert slow.below == 0.0
    assert equal.below > -math.log(0.001)
    assert equal.above == 0.0


def test_rise_at_the_limit_rarely_passes() -> None:
    """Of 30 challengers that are exactly 50% slower, at most 3 pass a limit of 50% in 10 looks at an alpha of 10%."""
    random = np.random.default_rng(4)
    passed = 0
    for _ in range(30):
        champion, challenger = np.zeros(354, np.int64), np.zeros(354, np.int64)
        for _ in range(10):
            load = random.choice([1.0, 5.0], p=[0.9, 0.1])
            champion += latency_counts((0.002 * load * random.lognormal(0, 0.4, 180)).tolist())
            challenger += latency_counts((0.003 * load * random.lognormal(0, 0.4, 20)).tolist())
            if latency_rise(champion.tolist(), challenger.tolist(), 0.95, 1.5, 0.1).above >= -math.log(0.1):
                passed += 1
                break
    assert passed <= 3


def test_latencies_outside_the_bounds_are_compared() -> None:
    """Latencies below the first and above the last bound are no error."""
    fast, slow = latency_counts([1e-9] * 200), latency_counts([1e6] * 200)
    assert latency_rise(fast, slow, 0.95, 1.5, 0.5).above > 5
    assert latency_rise(slow, fast, 0.95, 1.5, 0.5).below > 5
    assert latency_rise(slow, slow, 0.95, 1.5, 0.5).above == 0.0
