"""Tests of serving.fastpath."""
