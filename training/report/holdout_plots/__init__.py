"""Plots of the held-out rows: one picture of a model's answers to the test part, for its report and the tracking server."""

from training.report.holdout_plots.classification import plot_classification
from training.report.holdout_plots.regression import plot_regression
from training.report.holdout_plots.results import plot_results

__all__ = ["plot_classification", "plot_regression", "plot_results"]
