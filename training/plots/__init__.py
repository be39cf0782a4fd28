"""Plots: one picture that shows where a model is good and where it is not, for people and the tracking server."""

from training.plots.classification import plot_classification
from training.plots.regression import plot_regression
from training.plots.results import plot_results

__all__ = ["plot_classification", "plot_regression", "plot_results"]
