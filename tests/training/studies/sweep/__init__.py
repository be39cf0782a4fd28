"""Tests of training/studies/sweep."""
