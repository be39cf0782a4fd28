"""Tests of training/report/features."""
