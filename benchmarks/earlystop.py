"""Has a run shown that a server keeps its percentile, or was it luck? MLPerf's early-stopping test for the Server scenario.

A server keeps its p99 if at most 1% of all its answers ever are late. A run sees a sample of them. The run passes only
if a server that misses the percentile would show so few late answers with a probability of at most 1 - confidence.
So a short run must be better than a long one: 459 queries may have no late one, 20,000 may have 167, which is 0.84%.

Source: MLPerf Inference Rules, appendix "Early Stopping Criterion", and MLCommons' load generator, which decides a Server
run by it (``loadgen/early_stopping.cc`` and ``loadgen/results.cc`` in mlcommons/inference): with t late queries of n, the
run passes if the probability of at most t late ones among n, each late with probability 1 - percentile + tolerance, is
at most 1 - confidence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr

PERCENTILE = 0.99
CONFIDENCE = 0.99
"""MLPerf's value; MLPerf also uses a tolerance of zero."""


def allowed_overlatency(
    queries: int, percentile: float = PERCENTILE, confidence: float = CONFIDENCE, tolerance: float = 0.0
) -> int:
    """Return the number of a run's queries that may be late.

    Args:
        queries: the number of queries of the run.
        percentile: the share of queries that must be in time.
        confidence: the required confidence.
        tolerance: the distance below the percentile that still passes.

    Returns:
        The largest allowed number; -1 if the run has too few queries to show the percentile even without a late one.

    Raises:
        ValueError: a parameter is out of range.
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


def passes(
    latencies_s: ArrayLike,
    slo_s: float,
    percentile: float = PERCENTILE,
    confidence: float = CONFIDENCE,
    tolerance: float = 0.0,
) -> bool:
    """Return True if a run shows that the server keeps its percentile.

    Args:
        latencies_s: seconds from each scheduled arrival to its answer, shape (N,); infinite for requests that were
            refused, failed or never answered, as in ``LoadResult.latencies_s``: these are late.
        slo_s: the longest latency that is in time, in seconds.
        percentile: see ``allowed_overlatency``.
        confidence: the same.
        tolerance: the same.

    Raises:
        ValueError: a latency is not a number, or a parameter is out of range.
    """
    latencies = np.asarray(latencies_s, dtype=np.float64)
    if np.isnan(latencies).any():
        raise ValueError("expected seconds, got NaN; write infinity for an answer that never arrived")
    late = int(np.count_nonzero(latencies > slo_s))
    return late <= allowed_overlatency(latencies.size, percentile, confidence, tolerance)


def _check(percentile: float, confidence: float, tolerance: float) -> None:
    if not (0 < percentile < 1 and 0 < confidence < 1 and 0 <= tolerance < percentile):
        raise ValueError(
            "expected percentile and confidence between 0 and 1, and tolerance from 0 to below the percentile, got"
            f" {percentile}, {confidence} and {tolerance}"
        )
