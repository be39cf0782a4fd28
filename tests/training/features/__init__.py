"""Tests of `training/features`."""
