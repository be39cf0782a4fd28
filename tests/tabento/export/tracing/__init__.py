"""Tests of tracing, mirrored by path."""
