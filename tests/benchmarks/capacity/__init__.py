"""Tests of the capacity guide."""
