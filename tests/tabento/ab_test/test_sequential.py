"""Tests of a rate and of a mean hold at any time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tabento.ab_test.arms import ArmCounts
from tabento.ab_test.latency import LATENCY_BOUNDS_S, latency_counts
from tabento.ab_test.sequential import MeanSums, exceedances_at, mean_above, rate_above, rate_below

ALPHA = 0.05


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_limit_is_ever_passed_by_chance_at_most_with_alpha(rate: float) -> None:
    """The probability that the evidence of a rate at its limit ever decides in 1,000 looks, computed exactly, is at most alpha."""
    undecided = np.array([1.0])
    n_decisions = 0.0
    for count in range(1, 1_001):
        undecided = np.append(undecided * (1 - rate), 0.0) + np.append(0.0, undecided * rate)
        decides = rate_above(np.arange(count + 1), count, rate) >= -math.log(ALPHA)
        n_decisions += undecided[decides].sum()
        undecided[decides] = 0.0
    assert 0.0 < n_decisions < ALPHA


def test_evidence_has_an_expectation_of_at_most_one() -> None:
    """The mean of E under any rate of the null hypothesis is at most 1, for both directions."""
    events = np.arange(31)
    for rate in (0.02, 0.1, 0.2):
        assert (stats.binom.pmf(events, 30, rate) * np.exp(rate_above(events, 30, 0.2))).sum() <= 1.0
        assert (stats.binom.pmf(events, 30, 1 - rate) * np.exp(rate_below(events, 30, 0.8))).sum() <= 1.0


def test_rate_above_its_limit_is_found() -> None:
    """12 errors of 100 pass a limit of 3%; 3 errors do not; 0 of 400 prove that it is kept."""
    assert float(rate_above(12, 100, 0.03)) > -math.log(ALPHA)
    assert float(rate_above(3, 100, 0.03)) < 0
    assert float(rate_below(0, 400, 0.03)) > -math.log(ALPHA)


def test_one_event_passes_a_limit_of_zero() -> None:
    """If no event is allowed, the first one is certain evidence, and none is no evidence."""
    assert float(rate_above(1, 10, 0.0)) == math.inf
    assert float(rate_above(0, 10, 0.0)) < 0


def test_mean_of_equal_samples_rarely_decides() -> None:
    """Of 100 pairs of equal samples with 40 looks each, at most 5 decide at an alpha of 5%."""
    random = np.random.default_rng(5)
    losses = random.exponential(1.0, (100, 2, 4_000))
    n_decisions = 0
    for first, second in losses:
        for count in range(100, 4_001, 100):
            sums = [
                MeanSums(count, float(sample[:count].mean()), float(sample[:count].var(ddof=1)))
                for sample in (first, second)
            ]
            if mean_above(sums[0], sums[1], 1.0, 0.1) >= -math.log(ALPHA):
                n_decisions += 1
                break
    assert n_decisions <= 5


def test_larger_mean_is_found() -> None:
    """A loss that is 50% higher passes a limit of 10%; the reverse comparison proves nothing; no variance decides by itself."""
    first, second = MeanSums(1_000, 1.0, 1.0), MeanSums(1_000, 1.5, 2.0)
    assert mean_above(first, second, 1.1, 0.1) > 10
    assert mean_above(second, first, 1.0, 0.1) < 0
    assert mean_above(MeanSums(100, 0.0, 0.0), MeanSums(100, 1.0, 0.0), 1.1, 0.1) == math.inf
    assert mean_above(MeanSums(100, 0.0, 0.0), MeanSums(100, 0.0, 0.0), 1.1, 0.1) == -math.inf
    # A very large negative difference does not underflow.
    assert mean_above(MeanSums(10**6, 1e6, 1.0), MeanSums(10**6, 0.0, 1.0), 1.0, 1e5) < 0


def test_evidence_of_means_rises_with_the_difference() -> None:
    """The evidence is continuous and rises, also where the formula changes because the normal distribution underflows."""
    first = MeanSums(10_000, 10.0, 1.0)
    evidence = [mean_above(first, MeanSums(10_000, 10.0 + step / 1_000, 1.0), 1.0, 0.1) for step in range(-1_000, 500)]
    steps = np.diff(evidence)
    assert (steps > 0).all()
    assert steps[:600].max() < 0.01


def test_exceedances_have_the_uncertainty_of_a_bin() -> None:
    """A limit inside a bin leaves the latencies of that bin open; a limit on a bound leaves none open."""
    counts = latency_counts([0.001, 0.00201, 0.002, 0.003])
    assert exceedances_at(counts, 0.002) == (1, 3)
    assert exceedances_at(counts, LATENCY_BOUNDS_S[100]) == exceedances_at(counts, LATENCY_BOUNDS_S[100])
    assert exceedances_at(counts, 1e9) == (0, 0)
    assert exceedances_at(ArmCounts().latencies, 1e-9) == (0, 0)
