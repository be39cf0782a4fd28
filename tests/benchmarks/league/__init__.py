"""Tests of benchmarks/league."""
