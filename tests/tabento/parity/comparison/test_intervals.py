"""A row whose answer moves across an edge of the table has another interval."""

from __future__ import annotations

import numpy as np

from tabento.bundle.contract import PredictionSet
from tabento.parity.comparison.intervals import has_intervals, other_intervals
from tests.bundles import classifier_contract, orchard_contract, with_output
from tests.tabento.tables.test_intervals import BY_AGE

REGRESSION = with_output(orchard_contract(), interval=BY_AGE.model_dump())
CLASSIFICATION = with_output(
    classifier_contract(), prediction_set=PredictionSet(coverage=0.9, thresholds=(0.5, 0.2, 0.4)).model_dump()
)


def test_rounding_moves_no_interval() -> None:
    """Answers that differ by rounding have intervals that differ by rounding, unless an edge is between them."""
    rows = np.full((4, len(REGRESSION.features)), 20.0)
    expected = np.array([[10.0], [50.0], [51.0], [np.nan]])
    graph = np.array([[10.0 + 1e-12], [np.nextafter(50.0, 51.0)], [51.0], [1.0]])
    np.testing.assert_array_equal(other_intervals(REGRESSION, rows, expected, graph), [False, True, False, False])


def test_probability_across_a_threshold_changes_the_set() -> None:
    """A label that is in one set only is found."""
    rows = np.zeros((2, len(CLASSIFICATION.features)))
    expected = np.array([[0.0, 0.7, 0.2, 0.1], [0.0, 0.7, 0.1, 0.2]])
    graph = np.array([[0.0, 0.7, np.nextafter(0.2, 0.0), 0.1], [0.0, 0.7, 0.1, 0.2]])
    np.testing.assert_array_equal(other_intervals(CLASSIFICATION, rows, expected, graph), [True, False])


def test_contract_without_intervals_has_no_other_interval() -> None:
    """Without a table, and without rows, nothing is compared."""
    rows = np.zeros((1, 7))
    assert not has_intervals(orchard_contract())
    assert not other_intervals(orchard_contract(), rows, np.zeros((1, 1)), np.ones((1, 1))).any()
    assert other_intervals(REGRESSION, rows[:0], np.zeros((0, 1)), np.zeros((0, 1))).shape == (0,)
