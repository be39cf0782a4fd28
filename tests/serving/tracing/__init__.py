"""Tests of `serving.tracing`."""
