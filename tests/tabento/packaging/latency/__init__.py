"""Tests of the measurement of latency."""
