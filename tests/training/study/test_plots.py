"""Tests of the pictures of the study; ``test_report`` draws them on whole data sets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.training.orchards import orchard_config, orchard_frame
from training.study import plots
from training.study.comparison import ColumnComparison
from training.study.label import Spike
from training.study.profile import profile_category, profile_number

PNG = b"\x89PNG"


def test_missing_values_are_drawn_alone_and_together() -> None:
    """One column needs no picture of company, two have one."""
    alone = plots.missing_figure({"a": 0.1, "b": 0.0}, {"a": {"a": 1.0}})
    pair = {"a": {"a": 1.0, "b": 0.2}, "b": {"a": 0.2, "b": 1.0}}
    together = plots.missing_figure({"a": 0.1, "b": 0.3}, pair)
    assert alone.startswith(PNG)
    assert len(together) > len(alone)


def test_correlations_with_gaps_and_of_many_columns_are_drawn() -> None:
    """NaN is a gap; beyond some columns the cells have no numbers."""
    names = [f"c{at}" for at in range(20)]
    table = pd.DataFrame(np.eye(20), index=names, columns=names)
    table.iloc[0, 1] = np.nan
    assert plots.correlation_figure(table, table).startswith(PNG)
    few = table.iloc[:2, :2]
    assert plots.correlation_figure(few, few).startswith(PNG)


def test_outliers_far_out_and_absent_are_drawn() -> None:
    """The axis reaches from a column that hardly varies to one with a value a million deviations away."""
    scores = {"calm": np.array([-0.1, 0.1]), "wild": np.array([0.0, 1e6]), "empty": np.array([])}
    assert plots.outlier_figure(scores).startswith(PNG)


def test_a_target_is_drawn_with_its_spikes_and_by_class() -> None:
    """A number has lines at its spikes; classes have bars, however many there are."""
    values = np.random.default_rng(0).normal(10, 2, 500)
    profile = profile_number("apples", values)
    plain = plots.target_figure(orchard_config(), profile, values, ())
    spiked = plots.target_figure(orchard_config(), profile, values, (Spike(10.0, 20, 0.04, ""),))
    assert plain != spiked
    classes = profile_category("apples", np.array([f"k{at % 15}" for at in range(60)], dtype=object))
    assert plots.target_figure(orchard_config(), classes, np.zeros(60), ()).startswith(PNG)


def test_more_columns_than_panels_are_cut() -> None:
    """Beyond two dozen columns the rest is in the table only."""
    frame = orchard_frame(50)
    one = ColumnComparison("age", 0.3, 0.01, "Kolmogorov-Smirnov", 0.001, 0.0, 0.0)
    many = plots.comparison_figure(orchard_config(), [one] * 40, frame, frame)
    assert many == plots.comparison_figure(orchard_config(), [one] * plots.PANELS, frame, frame)
