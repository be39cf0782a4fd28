"""Tests of serving.http1."""
