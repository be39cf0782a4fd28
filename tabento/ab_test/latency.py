"""Histograms of latency on fixed bounds, so that the counts of all workers and versions can be added."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

BINS_PER_OCTAVE = 16
"""The bounds grow by 2^(1/16), that is 4.4%: the resolution of every quantile."""
LATENCY_BOUNDS_S: tuple[float, ...] = tuple(16e-6 * 2.0 ** (index / BINS_PER_OCTAVE) for index in range(353))
"""The upper bounds of the bins in seconds, from 16 µs to 67 s. The last bin holds all longer latencies."""
LATENCY_BINS = len(LATENCY_BOUNDS_S) + 1
"""The number of bins. Bin i holds bound i-1 < x <= bound i."""


def latency_bin(latency_s: float) -> int:
    """Return the bin of a latency in seconds."""
    return bisect_left(LATENCY_BOUNDS_S, latency_s)


def latency_counts(latencies_s: Sequence[float]) -> list[int]:
    """Return the histogram of latencies in seconds: integers of shape (``LATENCY_BINS``,)."""
    bins = np.searchsorted(np.asarray(LATENCY_BOUNDS_S), np.asarray(latencies_s, np.float64), side="left")
    return [int(count) for count in np.bincount(bins, minlength=LATENCY_BINS)]


def quantile_s(counts: Sequence[int], level: float) -> float | None:
    """Return a quantile in seconds, interpolated inside its bin; None without counts.

    Args:
        counts: the histogram of shape (``LATENCY_BINS``,).
        level: the level of the quantile, in (0, 1).
    """
    total = sum(counts)
    if not total:
        return None
    rank, below = level * total, 0
    for index, count in enumerate(counts):
        if below + count >= rank and count:
            if index == len(LATENCY_BOUNDS_S):
                return LATENCY_BOUNDS_S[-1]
            lower = LATENCY_BOUNDS_S[index - 1] if index else 0.0
            return lower + (LATENCY_BOUNDS_S[index] - lower) * (rank - below) / count
        below += count
    return LATENCY_BOUNDS_S[-1]
