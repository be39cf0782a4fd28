"""Tests of training.report.holdout_plots."""
