"""Has a run shown that a server keeps its percentile, or was it luck? MLPerf's early-stopping test for the Server scenario.

A server keeps its p99 when at most 1% of all its answers ever are late. A run sees some of them; of its late ones so few
are allowed that a server which misses the percentile would show as few with a probability of at most 1 - confidence.
So a short run has to be better than a long one: 459 queries may have no late one, 20,000 may have 167, which is 0.84%.

Source: MLPerf Inference Rules, appendix "Early Stopping Criterion", and MLCommons' load generator, which decides a Server
run by it (``loadgen/early_stopping.cc`` and ``loadgen/results.cc`` in mlcommons/inference): with t late queries of n, the
run passes when the probability of at most t late ones among n, each late with probability 1 - percentile + tolerance, is
at most 1 - confidence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr

PERCENTILE = 0.99
CONFIDENCE = 0.99
"""MLPerf's own, as is the tolerance of zero."""


def allowed_overlatency(
    queries: int, percentile: float = PERCENTILE, confidence: float = CONFIDENCE, tolerance: float = 0.0
) -> int:
    """Return how many of a run's queries may be late.

    Args:
        queries: how many there were.
        percentile: the share of queries that must be in time.
        confidence: how sure the answer must be.
        tolerance: how far below the percentile counts as keeping it.

    Returns:
        The largest allowed number, or -1 where even none late would not show it: too few queries.

    Raises:
        ValueError: a figure is out of range.
    """
    _check(percentile, confidence, tolerance)
    if queries < 0:
        raise ValueError(f"expected 0 or more queries, got {queries}")
    late = 1 - percentile + tolerance
    low, high = -1, queries
    while low < high:
        middle = (low + high + 1) // 2
        if bdtr(middle, queries, late) <= 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return low


def queries_needed(
    overlatency: int = 0, percentile: float = PERCENTILE, confidence: float = CONFIDENCE, tolerance: float = 0.0
) -> int:
    """Return the smallest number of queries of which so many may be late.

    Raises:
        ValueError: a figure is out of range.
    """
    _check(percentile, confidence, tolerance)
    if overlatency < 0:
        raise ValueError(f"expected 0 or more late queries, got {overlatency}")
    late = 1 - percentile + tolerance
    low, high = overlatency, 2 * (overlatency + 1)
    while bdtr(overlatency, high, late) > 1 - confidence:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if bdtr(overlatency, middle, late) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def passes(
    latencies_s: ArrayLike,
    slo_s: float,
    percentile: float = PERCENTILE,
    confidence: float = CONFIDENCE,
    tolerance: float = 0.0,
) -> bool:
    """Say whether a run shows that the server keeps its percentile.

    Args:
        latencies_s: seconds from each scheduled arrival to its answer, shape (N,); infinite for what was shed, failed
            or never answered, as ``LoadResult.latencies_s`` gives them: that counts as late.
        slo_s: up to which an answer is in time, in seconds.
        percentile: see ``allowed_overlatency``.
        confidence: the same.
        tolerance: the same.

    Raises:
        ValueError: a latency is no number, or a figure is out of range.
    """
    latencies = np.asarray(latencies_s, dtype=np.float64)
    if np.isnan(latencies).any():
        raise ValueError("expected seconds, got NaN; an answer that never came is late by infinity")
    late = int(np.count_nonzero(latencies > slo_s))
    return late <= allowed_overlatency(latencies.size, percentile, confidence, tolerance)


def _check(percentile: float, confidence: float, tolerance: float) -> None:
    if not (0 < percentile < 1 and 0 < confidence < 1 and 0 <= tolerance < percentile):
        raise ValueError(
            "expected percentile and confidence between 0 and 1, and tolerance from 0 to below the percentile, got"
            f" {percentile}, {confidence} and {tolerance}"
        )
