"""Tests of ``benchmarks.first_steps``."""
