"""Tests of training.reports."""
