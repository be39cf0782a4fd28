"""Tests of training/selection."""
