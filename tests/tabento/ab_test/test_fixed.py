"""The fixed comparison equals SciPy's tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency, fisher_exact

from tabento.ab_test.arms import ArmCounts
from tabento.ab_test.fixed import compare_counts, rate_test
from tests.tabento.ab_test.counts import arm


def test_p_values_equal_scipys() -> None:
    """300 random tables have SciPy's test and p-value."""
    random = np.random.default_rng(6)
    names = set()
    for _ in range(300):
        counts = random.integers(1, 10 ** random.integers(1, 5), 2)
        hits = [int(random.integers(0, count + 1) * random.choice([0.02, 1.0])) for count in counts]
        table = np.array([[hit, count - hit] for hit, count in zip(hits, counts, strict=True)])
        name, p_value = rate_test(hits[0], int(counts[0]), hits[1], int(counts[1]))
        names.add(name)
        if (table.sum(axis=0) == 0).any():
            assert p_value == 1.0
        elif name == "Fisher exact":
            assert p_value == pytest.approx(float(fisher_exact(table).pvalue), rel=1e-6, abs=1e-12)
        else:
            assert p_value == pytest.approx(float(chi2_contingency(table, correction=False).pvalue), rel=1e-9)
    assert names == {"chi-square", "Fisher exact"}


def test_counts_of_arms_are_compared() -> None:
    """An arm with more errors is kept out; an arm without latencies cannot be compared."""
    result = compare_counts(arm(5_000, 5), arm(5_000, 300, seed=1), ("old", "new"))
    assert result is not None
    assert (result.verdict, result.test) == ("keep_a", "chi-square")
    assert "new" in result.reason
    assert abs(result.mean_rise) < 0.1
    assert compare_counts(arm(10), ArmCounts(requests=1, errors=1), ("old", "new")) is None
