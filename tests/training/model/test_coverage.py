"""Coverage is the share of rows whose truth is inside, with its exact binomial interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from tabento.bundle.contract import Interval, PredictionSet
from tabento.bundle.interval import IntervalGroup
from tests.bundles import classifier_contract, orchard_contract, with_output
from training.model.coverage import binomial_interval, coverage_metrics, row_coverage

INTERVAL = Interval(coverage=0.9, groups=(IntervalGroup(lower=(-1.0,), upper=(2.0,)),))
REGRESSION = with_output(orchard_contract(), interval=INTERVAL.model_dump())
CLASSIFICATION = with_output(
    classifier_contract(), prediction_set=PredictionSet(coverage=0.9, thresholds=(0.5, 0.2, 0.4)).model_dump()
)


def test_ends_belong_to_the_interval() -> None:
    """A truth that equals an end is inside, and the width is the distance of the ends."""
    truth, answers = np.array([9.0, 12.0, 8.9, 12.1]), np.full(4, 10.0)
    coverage = row_coverage(REGRESSION, np.zeros((4, 7)), truth, answers)
    assert coverage is not None
    assert (coverage.covered.tolist(), coverage.widths.tolist()) == ([1, 1, 0, 0], [3.0] * 4)
    assert coverage_metrics(REGRESSION, coverage) == {"interval_coverage": 0.5, "interval_width": 3.0}


def test_set_covers_its_labels() -> None:
    """A true label in the set is covered, and the width is the number of labels."""
    answers = np.array([[0.0, 0.7, 0.2, 0.1], [2.0, 0.1, 0.1, 0.3]])
    coverage = row_coverage(CLASSIFICATION, np.zeros((2, 7)), np.array([1.0, 1.0]), answers)
    assert coverage is not None
    assert coverage_metrics(CLASSIFICATION, coverage) == {"set_coverage": 0.5, "set_size": 1.5}


def test_contract_without_tables_has_no_coverage() -> None:
    """Answers without interval and set have neither coverage nor metrics."""
    assert row_coverage(orchard_contract(), np.zeros((1, 7)), np.zeros(1), np.zeros(1)) is None
    assert coverage_metrics(orchard_contract(), None) == {}


@pytest.mark.parametrize(("hits", "rows"), [(0, 5), (5, 5), (87, 102), (3718, 4128)])
def test_binomial_interval_is_exact(hits: int, rows: int) -> None:
    """The interval equals that of SciPy's exact binomial test."""
    expected = binomtest(hits, rows).proportion_ci(method="exact")
    assert binomial_interval(hits / rows, rows) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_impossible_share_is_an_error() -> None:
    """A share of no rows, or above 1, has no interval."""
    for share, rows in ((0.5, 0), (1.5, 10)):
        with pytest.raises(ValueError, match="a share from 0 to 1"):
            binomial_interval(share, rows)
