"""Histograms of latency."""

from __future__ import annotations

import numpy as np
import pytest

from tabento.ab_test.latency import LATENCY_BINS, LATENCY_BOUNDS_S, latency_bin, latency_counts, quantile_s


def test_latency_falls_into_the_bin_below_its_bound() -> None:
    """A latency equal to a bound is inside the bin; the first and the last bin are open."""
    assert latency_bin(LATENCY_BOUNDS_S[5]) == 5
    assert latency_bin(LATENCY_BOUNDS_S[5] * 1.001) == 6
    assert (latency_bin(0.0), latency_bin(1e9)) == (0, LATENCY_BINS - 1)


def test_counts_of_many_equal_those_of_each() -> None:
    """Both ways of counting agree."""
    latencies_s = np.random.default_rng(1).lognormal(-6, 2, 500).tolist()
    counts = [0] * LATENCY_BINS
    for latency_s in latencies_s:
        counts[latency_bin(latency_s)] += 1
    assert latency_counts(latencies_s) == counts


def test_quantile_has_the_resolution_of_the_bins() -> None:
    """A quantile of the histogram is within 4.4% of the sample's."""
    latencies_s = np.random.default_rng(2).lognormal(-6, 0.5, 5_000)
    counts = latency_counts(latencies_s.tolist())
    for level in (0.5, 0.95, 0.99):
        assert quantile_s(counts, level) == pytest.approx(np.quantile(latencies_s, level), rel=0.044)
    assert quantile_s([0] * LATENCY_BINS, 0.5) is None
    assert quantile_s(latency_counts([1e9]), 0.5) == LATENCY_BOUNDS_S[-1]
