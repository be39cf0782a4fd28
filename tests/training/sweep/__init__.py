"""Tests of training/sweep."""
