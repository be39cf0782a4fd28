"""A test whether one version is slower than a multiple of another, which may be looked at at any time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tabento.ab_test.association import association
from tabento.ab_test.latency import BINS_PER_OCTAVE, LATENCY_BOUNDS_S

CANDIDATE_STEP = 4
"""Every fourth bound, a quarter of an octave, is a possible threshold."""
N_CANDIDATES = len(range(0, len(LATENCY_BOUNDS_S), CANDIDATE_STEP))
NEAR_FACTOR = 2.0
"""Thresholds that between half and twice the share of the quantile's tail exceed are near the quantile."""


@dataclass(frozen=True, slots=True)
class RiseEvidence:
    """The evidence about the ratio of two latencies, as natural logarithms."""

    above: float
    """The evidence that the ratio is above the limit."""
    below: float
    """The evidence that the ratio is below the limit."""


def latency_rise(
    champion: Sequence[int], challenger: Sequence[int], level: float, ratio: float, share: float | None
) -> RiseEvidence:
    """Return ln E against the two hypotheses that the challenger is at most, and at least, c times as slow as the champion.

    If the challenger is at most c times as slow, it exceeds c t at most as often as the champion exceeds t, for each t. Each t is
    a comparison of two rates, see ``tabento.ab_test.association``, which holds also if all latencies rise and fall with the load. The
    possible t are fixed, and a mixture over them is an e-process. Of its terms, the largest one near the champion's quantile
    decides, because a rise of a quantile is the question: a term is never above the mixture.

    Args:
        champion: the histogram of the champion's latencies on ``LATENCY_BOUNDS_S``, not empty.
        challenger: the histogram of the challenger's latencies, not empty.
        level: the level of the quantile, such as 0.95.
        ratio: the multiple c.
        share: the planned share of the challenger in the traffic; None if it is unknown.
    """
    first, second = np.asarray(champion), np.asarray(challenger)
    n_first, n_second = int(first.sum()), int(second.sum())
    exceed_first, exceed_second = n_first - np.cumsum(first), n_second - np.cumsum(second)
    shift = BINS_PER_OCTAVE * math.log2(ratio)
    above = below = 0.0
    for index in _candidates(exceed_first, n_first, 1.0 - level):
        # The challenger's bound is rounded away from the limit, so that the bins never help to decide.
        a = int(exceed_first[index])
        upper = index + math.ceil(shift - 1e-9)
        if upper < len(LATENCY_BOUNDS_S):
            b = int(exceed_second[upper])
            if b * n_first > a * n_second:
                above = max(above, _evidence(a, n_first, b, n_second, share))
        # No more latencies can exceed a threshold beyond the last bound than exceed the last bound.
        b = int(exceed_second[min(index + math.floor(shift + 1e-9), len(LATENCY_BOUNDS_S) - 1)])
        if b * n_first < a * n_second:
            below = max(below, _evidence(a, n_first, b, n_second, share))
    return RiseEvidence(above, below)


def _evidence(first: int, n_first: int, second: int, n_second: int, share: float | None) -> float:
    return association([first, n_first - first], [second, n_second - second], share) - math.log(N_CANDIDATES)


def _candidates(exceedances: np.ndarray[tuple[int, ...], np.dtype[np.int64]], count: int, tail: float) -> list[int]:
    """Return the indices of the possible thresholds near a quantile: at least the last one below and the first one above it."""
    indices = np.arange(0, len(LATENCY_BOUNDS_S), CANDIDATE_STEP)
    shares = exceedances[indices] / count
    is_near = (shares >= tail / NEAR_FACTOR) & (shares <= tail * NEAR_FACTOR)
    first_above = int(np.argmax(shares <= tail)) if shares[-1] <= tail else len(indices) - 1
    is_near[max(first_above - 1, 0) : first_above + 1] = True
    return [int(index) for index in indices[is_near]]
