"""Tests of training/studies/selection."""
