"""Configs for tests, and tests of the configs in `configs/`."""
