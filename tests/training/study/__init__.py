"""Tests of `training/study`."""
