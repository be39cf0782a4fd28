"""The comparison of two arms whose sizes were fixed before: one p-value, one look.

Two questions decide. Does the rate of successes differ by more than chance (Pearson's chi-square test of a 2 × 2 table,
K. Pearson 1900; Fisher's exact test if an expected count is below 5, after W. G. Cochran 1954)? Did latency stay within
bounds? Repeated looks that stop at the first significant result find differences that do not exist; ``tabento.ab_test.verdict``
allows them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tabento.ab_test.arms import ArmCounts

ALPHA = 0.05
"""The significance level: a difference with a lower p-value is more than chance."""
LATENCY_RISE_MAX = 0.5
"""The share by which mean or p95 latency may rise."""
EXPECTED_MIN = 5.0
"""Below this expected count, the chi-square distribution is a poor approximation."""
TIE = 1e-7
"""Tables whose probabilities differ by less than this share count as equally probable, as R and SciPy do."""

FixedVerdict = Literal["adopt_b", "keep_a", "no_difference", "b_better_but_slower"]
"""``adopt_b``: better by more than chance, and no slower than allowed. ``keep_a``: worse by more than chance, or slower
than allowed without being better. ``no_difference``: no difference by more than chance, and no slower than allowed.
``b_better_but_slower``: better by more than chance and slower than allowed; the user decides."""
TestName = Literal["chi-square", "Fisher exact"]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes and the latency of one arm."""

    name: str
    requests: int
    successes: int
    mean_ms: float
    p95_ms: float

    @property
    def rate(self) -> float:
        """The share of successes."""
        return self.successes / self.requests


@dataclass(frozen=True, slots=True)
class FixedResult:
    """The result of the comparison."""

    verdict: FixedVerdict
    reason: str
    """The verdict as a sentence."""
    test: TestName
    """The test of ``p_value``."""
    p_value: float
    """The probability of a difference of rates at least as large by chance alone."""
    mean_rise: float
    """The relative rise of the mean latency from A to B; negative if B is faster."""
    p95_rise: float
    """The relative rise of the 95% quantile from A to B."""


def compare_outcomes(
    a: Outcomes, b: Outcomes, *, alpha: float = ALPHA, latency_rise_max: float = LATENCY_RISE_MAX
) -> FixedResult:
    """Compare the model in service (A) with the one that would replace it (B).

    Args:
        a: the model in service.
        b: the other model.
        alpha: the significance level of the difference of rates.
        latency_rise_max: the share by which mean and p95 latency may rise.
    """
    test, p_value = rate_test(a.successes, a.requests, b.successes, b.requests)
    mean_rise, p95_rise = b.mean_ms / a.mean_ms - 1, b.p95_ms / a.p95_ms - 1
    differ = p_value < alpha
    better = differ and b.rate > a.rate
    worse = differ and b.rate < a.rate
    slower = max(mean_rise, p95_rise) > latency_rise_max
    verdict: FixedVerdict
    if worse:
        verdict, reason = "keep_a", f"{b.name} does worse beyond chance"
    elif better and slower:
        verdict, reason = "b_better_but_slower", f"{b.name} does better beyond chance, but latency rises too much"
    elif better:
        verdict, reason = "adopt_b", f"{b.name} does better beyond chance, and latency stays within bounds"
    elif slower:
        verdict, reason = "keep_a", f"{b.name} does no better, and latency rises too much"
    else:
        verdict, reason = "no_difference", "the rates differ no more than by chance, and latency stays within bounds"
    return FixedResult(verdict, reason, test, p_value, mean_rise, p95_rise)


def compare_counts(champion: ArmCounts, challenger: ArmCounts, names: tuple[str, str]) -> FixedResult | None:
    """Compare the counts of two arms, with answers as successes; None if an arm has no latency.

    Args:
        champion: the counts of the model in service.
        challenger: the counts of the other model.
        names: the names of both, for the sentence.
    """
    outcomes = []
    for name, counts in zip(names, (champion, challenger), strict=True):
        mean_s, p95_s = counts.mean_s, counts.quantile_s(0.95)
        if not mean_s or not p95_s:
            return None
        successes = counts.requests - counts.errors
        outcomes.append(Outcomes(name, counts.requests, successes, 1000 * mean_s, 1000 * p95_s))
    return compare_outcomes(outcomes[0], outcomes[1])


def rate_test(hits_a: int, count_a: int, hits_b: int, count_b: int) -> tuple[TestName, float]:
    """Return the two-sided test of equal rates and its p-value; 1 if all trials have the same outcome.

    Args:
        hits_a: the successes of the first arm.
        count_a: its trials, at least 1.
        hits_b: the successes of the second arm.
        count_b: its trials, at least 1.
    """
    table = np.array([[hits_a, count_a - hits_a], [hits_b, count_b - hits_b]], dtype=np.float64)
    columns = table.sum(axis=0)
    if (columns == 0).any():
        return "chi-square", 1.0
    expected = table.sum(axis=1, keepdims=True) * columns / table.sum()
    if expected.min() < EXPECTED_MIN:
        return "Fisher exact", fisher_exact(hits_a, count_a, hits_b, count_b)
    statistic = float(((table - expected) ** 2 / expected).sum())
    # The survival function of the chi-square distribution with one degree of freedom.
    return "chi-square", math.erfc(math.sqrt(statistic / 2))


def fisher_exact(hits_a: int, count_a: int, hits_b: int, count_b: int) -> float:
    """Return the two-sided p-value: the probability of all tables with the same margins that are at most as probable.

    The probabilities of the hypergeometric distribution come from the ratios of neighbours.
    """
    hits, total = hits_a + hits_b, count_a + count_b
    lowest, highest = max(0, hits - count_b), min(hits, count_a)
    k = np.arange(lowest, highest, dtype=np.float64)
    ratios = np.log((hits - k) * (count_a - k)) - np.log((k + 1) * (total - hits - count_a + k + 1))
    logs = np.concatenate([[0.0], np.cumsum(ratios)])
    logs -= np.logaddexp.reduce(logs)
    limit = logs[hits_a - lowest] + math.log1p(TIE)
    return min(float(np.exp(logs[logs <= limit]).sum()), 1.0)
