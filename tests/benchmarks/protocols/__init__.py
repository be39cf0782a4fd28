"""Tests of ``benchmarks.protocols``."""
