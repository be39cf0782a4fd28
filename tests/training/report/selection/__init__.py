"""Tests of training/report/selection."""
