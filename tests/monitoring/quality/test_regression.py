"""Live metrics of a regression are those of training, exact, with intervals that hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from monitoring.quality.regression import regression_figures
from training.model.metrics import regression_metrics


def _rows(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    actual = np.round(generator.lognormal(3, 1, count))
    return actual, actual + generator.standard_t(5, count) * 3


def test_the_figures_are_those_of_training() -> None:
    """Each live metric has the definition of training, targets of 0 included."""
    actual, predicted = _rows(2000)
    actual[:10] = 0
    expected = regression_metrics(actual, predicted)
    figures = regression_figures(actual, predicted, 0.95)
    shared = figures.keys() & expected.keys()
    assert shared == {"mae", "rmse", "r2", "mape", "within_5", "within_10", "within_15", "zero_targets"}
    for name in shared:
        assert figures[name].value == pytest.approx(expected[name], rel=1e-12), name
    assert figures["mean_error"].value == pytest.approx(float((predicted - actual).mean()))


def test_the_figures_do_not_depend_on_the_order() -> None:
    """Sums are exact: RMSE and MAE are the same to the last digit for any order of the rows."""
    actual, predicted = _rows(5000)
    order = np.random.default_rng(1).permutation(5000)
    first = regression_figures(actual, predicted, 0.95)
    second = regression_figures(actual[order], predicted[order], 0.95)
    assert first["rmse"].value == second["rmse"].value == math.sqrt(math.fsum((actual - predicted) ** 2) / 5000)
    assert first["mae"].value == second["mae"].value


@pytest.mark.parametrize("name", ["mae", "rmse", "r2", "mape", "within_10", "mean_error"])
def test_intervals_hold_the_true_figure(name: str) -> None:
    """Of 200 samples about 95% have the figure of the population in their interval."""
    actual, predicted = _rows(200_000, seed=5)
    truth = regression_figures(actual, predicted, 0.95)[name].value
    generator = np.random.default_rng(6)
    hits = 0
    for _ in range(200):
        sample = generator.integers(0, len(actual), 1000)
        figure = regression_figures(actual[sample], predicted[sample], 0.95)[name]
        assert figure.low is not None
        assert figure.high is not None
        hits += figure.low <= truth <= figure.high
    assert 178 <= hits <= 198


def test_few_rows_have_no_interval() -> None:
    """A single row has figures without intervals, and no coefficient of determination."""
    figures = regression_figures(np.array([4.0]), np.array([3.0]), 0.95)
    assert (figures["rmse"].value, figures["rmse"].low) == (1.0, None)
    assert "r2" not in figures
    zeros = regression_figures(np.zeros(3), np.ones(3), 0.95)
    assert "mape" not in zeros
    assert zeros["zero_targets"].value == 3
