"""Tests of the pictures of the study; ``test_report`` draws them on whole data sets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.training.orchards import orchard_config, orchard_frame
from training.report.exploration import column_plots, dataset_plots, split_plots
from training.studies.exploration.comparison import ColumnComparison
from training.studies.exploration.profile import profile_category, profile_number
from training.studies.exploration.spikes import Spike

PNG = b"\x89PNG"


def test_missing_values_of_one_and_two_columns_are_drawn() -> None:
    """One column has one panel, and two columns have a second panel."""
    single_plot = dataset_plots.missing_figure({"a": 0.1, "b": 0.0}, {"a": {"a": 1.0}})
    pair = {"a": {"a": 1.0, "b": 0.2}, "b": {"a": 0.2, "b": 1.0}}
    pair_plot = dataset_plots.missing_figure({"a": 0.1, "b": 0.3}, pair)
    assert single_plot.startswith(PNG)
    assert len(pair_plot) > len(single_plot)


def test_correlations_with_gaps_and_of_many_columns_are_drawn() -> None:
    """NaN is a gap, and the cells of a large table have no numbers."""
    names = [f"c{index}" for index in range(20)]
    table = pd.DataFrame(np.eye(20), index=names, columns=names)
    table.iloc[0, 1] = np.nan
    assert dataset_plots.correlation_figure(table, table).startswith(PNG)
    small_table = table.iloc[:2, :2]
    assert dataset_plots.correlation_figure(small_table, small_table).startswith(PNG)


def test_outliers_far_out_and_absent_are_drawn() -> None:
    """A nearly constant column and a column with a value a million deviations away can be drawn together."""
    scores = {"calm": np.array([-0.1, 0.1]), "wild": np.array([0.0, 1e6]), "empty": np.array([])}
    assert dataset_plots.outlier_figure(scores).startswith(PNG)


def test_a_target_is_drawn_with_its_spikes_and_by_class() -> None:
    """A number has lines at its spikes; classes have bars, however many there are."""
    values = np.random.default_rng(0).normal(10, 2, 500)
    profile = profile_number("apples", values)
    plain = column_plots.target_figure(orchard_config(), profile, values, ())
    spiked = column_plots.target_figure(orchard_config(), profile, values, (Spike(10.0, 20, 0.04, ""),))
    assert plain != spiked
    classes = profile_category("apples", np.array([f"k{index % 15}" for index in range(60)], dtype=object))
    assert column_plots.target_figure(orchard_config(), classes, np.zeros(60), ()).startswith(PNG)


def test_more_columns_than_panels_are_cut() -> None:
    """Columns after the last panel are in the table only."""
    frame = orchard_frame(50)
    comparison = ColumnComparison("age", 0.3, 0.01, "Kolmogorov-Smirnov", 0.001, 0.0, 0.0)
    plot = split_plots.comparison_figure(orchard_config(), [comparison] * 40, frame, frame)
    assert plot == split_plots.comparison_figure(orchard_config(), [comparison] * split_plots.PANELS, frame, frame)
