"""Tests of training/report/sweep."""
