"""Tests of `training/studies/exploration`."""
