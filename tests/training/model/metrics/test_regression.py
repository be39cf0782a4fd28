"""Metrics of a regression follow their formulas, checked by hand and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error, mean_squared_error, r2_score

from training.model.metrics import regression_metrics


def test_metrics_by_hand() -> None:
    """Every metric of a small example equals the result by hand."""
    metrics = regression_metrics([100.0, 200.0, -50.0, 400.0], [104.0, 180.0, -50.0, 480.0])
    assert metrics == pytest.approx(
        {
            "mae": 26.0,
            "rmse": math.sqrt((16 + 400 + 6400) / 4),
            "r2": 1 - 6816 / 106_875,
            "mape": 8.5,
            "smape": 100 * (8 / 204 + 40 / 380 + 160 / 880) / 4,
            "wmape": 100 * 104 / 750,
            "median_ape": 7.0,
            "within_5": 50.0,
            "within_10": 75.0,
            "within_15": 75.0,
            "zero_targets": 0.0,
        },
        rel=1e-12,
    )
    assert all(type(value) is float for value in metrics.values())


def test_metrics_agree_with_scikit_learn() -> None:
    """Each metric that scikit-learn has too has the same value."""
    rng = np.random.default_rng(0)
    actual = rng.lognormal(3, 1, 500)
    predicted = actual * rng.lognormal(0, 0.2, 500)
    metrics = regression_metrics(actual, predicted)
    assert metrics["mae"] == pytest.approx(mean_absolute_error(actual, predicted), rel=1e-12)
    assert metrics["rmse"] == pytest.approx(math.sqrt(mean_squared_error(actual, predicted)), rel=1e-12)
    assert metrics["r2"] == pytest.approx(r2_score(actual, predicted), rel=1e-12)
    assert metrics["mape"] == pytest.approx(100 * mean_absolute_percentage_error(actual, predicted), rel=1e-12)


def test_perfect_predictions() -> None:
    """Perfect predictions give 0 for errors and 100 for shares."""
    metrics = regression_metrics([1.0, 2.0], [1.0, 2.0])
    assert (metrics["rmse"], metrics["mape"], metrics["r2"], metrics["within_5"]) == (0, 0, 1, 100)


def test_zero_targets_are_counted_and_excluded_from_percentages() -> None:
    """A target of zero has no percentage error, but it is part of the errors in the target's unit."""
    metrics = regression_metrics([0.0, 100.0], [50.0, 110.0])
    assert metrics["zero_targets"] == 1
    assert metrics["mape"] == metrics["median_ape"] == pytest.approx(10)
    assert metrics["smape"] == pytest.approx(100 * 20 / 210)
    assert metrics["mae"] == 30
    assert metrics["wmape"] == pytest.approx(60)


@pytest.mark.parametrize(("predicted", "r2"), [([5.0, 5.0], 1.0), ([5.0, 6.0], 0.0)])
def test_r2_of_equal_targets_is_finite(predicted: list[float], r2: float) -> None:
    """Without variance R² is 1 for perfect predictions and 0 otherwise."""
    assert regression_metrics([5.0, 5.0], predicted)["r2"] == r2


@pytest.mark.parametrize(
    ("actual", "predicted", "message"),
    [
        ([1.0, math.nan], [1.0, 2.0], "got nan in actual at index 1"),
        ([1.0, 2.0], [math.inf, math.nan], r"got inf in predicted at index 0 \(2 of 2"),
        ([1.0], [1.0, 2.0], r"got \(1,\) and \(2,\)"),
        ([], [], "N > 0"),
        ([[1.0]], [[1.0]], r"got \(1, 1\)"),
        ([0.0, 0.0], [1.0, 2.0], "every one of the 2 actual values is 0"),
    ],
)
def test_impossible_input_is_refused(actual: list[float], predicted: list[float], message: str) -> None:
    """Numbers that would make a metric meaningless are refused with their index."""
    with pytest.raises(ValueError, match=message):
        regression_metrics(actual, predicted)
