"""Histograms and counters of a runner."""

from __future__ import annotations

import pytest

from runners.stats import ROWS, Stats, Tally


def test_an_observation_counts_at_the_first_bound_that_is_not_below_it() -> None:
    """Bounds are inclusive, as Prometheus has them; what lies above all has a place of its own."""
    tally = Tally((1.0, 2.0, 4.0))
    for value in (0.5, 1.0, 1.5, 2.0, 4.0, 4.1, 100.0):
        tally.add(value)
    assert tally.counts == [2, 2, 1, 2]
    assert tally.total == pytest.approx(113.1)


def test_counters_begin_with_the_first_reason() -> None:
    """A counter has only the reasons that occurred."""
    stats = Stats()
    stats.count(stats.dropped, "expired")
    stats.count(stats.dropped, "expired")
    stats.count(stats.dropped, "gone")
    assert stats.dropped == {"expired": 2, "gone": 1}
    assert stats.released == {}


def test_tallies_start_empty_and_apart() -> None:
    """Two runners have separate counts, which start at zero."""
    observed, other = Stats(), Stats()
    observed.batch_rows.add(3)
    assert sum(observed.batch_rows.counts) == 1
    assert other.batch_rows.counts == [0] * (len(ROWS) + 1)
