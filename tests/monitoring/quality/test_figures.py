"""A figure is worse than the test part only beyond chance."""

from __future__ import annotations

import math

import numpy as np

from monitoring.quality.figures import Figure, compare, mean_figure, share_figure


def test_the_verdict_follows_the_direction_of_the_metric() -> None:
    """A higher error is worse, a higher area is better; chance alone is neither."""
    verdicts = {}
    for name, value in (("rmse", 2.0), ("rmse", 0.5), ("rmse", 1.02), ("roc_auc", 2.0), ("mean_error", 2.0)):
        figure = Figure(value, value - 0.05, value + 0.05)
        compare(name, figure, 0.95, 1000, 1.0, math.inf)
        verdicts[name, value] = figure.verdict
    assert verdicts == {
        ("rmse", 2.0): "worse",
        ("rmse", 0.5): "better",
        ("rmse", 1.02): "same",
        ("roc_auc", 2.0): "better",
        ("mean_error", 2.0): None,
    }


def test_a_small_test_part_says_little() -> None:
    """The test part's own randomness widens the range of ``same``."""
    for test_rows, verdict in ((100_000, "worse"), (50, "same")):
        figure = Figure(1.1, 1.05, 1.15)
        compare("rmse", figure, 0.95, 1000, 1.0, test_rows)
        assert figure.verdict == verdict


def test_an_unknown_test_figure_gives_no_verdict() -> None:
    """Also a figure without an interval is not compared."""
    figure = Figure(1.0, 0.9, 1.1)
    compare("rmse", figure, 0.95, 10, None, math.inf)
    single = Figure(1.0)
    compare("rmse", single, 0.95, 1, 3.0, math.inf)
    assert (figure.verdict, single.verdict, single.test) == (None, None, 3.0)


def test_repeated_looks_give_few_false_alarms() -> None:
    """Of 2,000 samples of the test part's own distribution hardly any is worse."""
    generator = np.random.default_rng(0)
    alarms = 0
    for _ in range(2000):
        test, live = np.abs(generator.normal(size=1000)), np.abs(generator.normal(size=500))
        figure = mean_figure(live, 0.95)
        compare("mae", figure, 0.95, 500, float(test.mean()), 1000)
        alarms += figure.verdict == "worse"
    assert alarms <= 6


def test_a_share_stays_within_its_range() -> None:
    """Wilson's interval of no hits is not empty."""
    figure = share_figure(0, 20, 0.95, scale=100)
    assert (figure.value, figure.low) == (0, 0)
    assert figure.high is not None
    assert 15 < figure.high < 17
