"""Tests of training.plots."""
