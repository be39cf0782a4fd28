"""Tests of training/report/exploration."""
