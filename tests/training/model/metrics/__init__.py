"""Tests of training.model.metrics."""
