"""Tests of `training/studies/features`."""
