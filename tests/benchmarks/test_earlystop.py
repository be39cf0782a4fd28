"""The early-stopping test gives the numbers that MLPerf's own load generator prints."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.earlystop import allowed_overlatency, passes


def test_by_hand() -> None:
    """With none late, 0.99^n must be at most 0.01: n is 459. With one, 0.99^n + n 0.01 0.99^(n-1): n is 662."""
    assert math.ceil(math.log(0.01) / math.log(0.99)) == 459
    assert [allowed_overlatency(n) for n in (0, 458, 459, 661, 662)] == [-1, -1, 0, 0, 1]
    assert 0.99**662 + 662 * 0.01 * 0.99**661 <= 0.01 < 0.99**661 + 661 * 0.01 * 0.99**660


@pytest.mark.parametrize(("queries", "discarded"), [(2048, 172), (2116, 178), (4_776_846, 476_158)])
def test_as_published(queries: int, discarded: int) -> None:
    """Published MLPerf logs of p90 runs have the number of discarded answers: one less than the allowed number of late ones."""
    assert [allowed_overlatency(n, percentile=0.9) for n in (63, 64)] == [0, 1]
    assert allowed_overlatency(queries, percentile=0.9) == discarded + 1


def test_long_runs_come_close_to_the_percentile() -> None:
    """The allowed share rises with the run's length and stays below 1%."""
    shares = [allowed_overlatency(n) / n for n in (1_000, 10_000, 100_000, 10_000_000)]
    assert shares == sorted(shares)
    assert 0.0099 < shares[-1] < 0.01


def test_tolerance_allows_more() -> None:
    """A tolerance lowers the required percentile."""
    assert allowed_overlatency(10_000, 0.99, 0.99, 0.01) == allowed_overlatency(10_000, 0.98)


def test_what_was_never_answered_is_late() -> None:
    """Infinite latencies count against the server, and one query too few decides against it."""
    good = np.full(661, 0.001)
    assert not passes(np.append(good[:-1], np.inf), slo_s=0.010)
    assert passes(np.append(good, np.inf), slo_s=0.010)
    assert passes(np.append(good, 0.010), slo_s=0.010)
    assert not passes([], slo_s=0.010)


def test_impossible_figures_are_refused() -> None:
    """Shares outside 0 to 1, counts below zero and NaN are no input."""
    with pytest.raises(ValueError, match="expected percentile and confidence between 0 and 1"):
        allowed_overlatency(10, percentile=99)
    with pytest.raises(ValueError, match="expected 0 or more queries, got -1"):
        allowed_overlatency(-1)
    with pytest.raises(ValueError, match="expected seconds, got NaN"):
        passes([float("nan")], 1.0)
