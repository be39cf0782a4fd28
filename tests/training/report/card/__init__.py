"""Tests of training.report.card."""
