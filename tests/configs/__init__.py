"""Configs for tests, and tests of the configs that ship."""
