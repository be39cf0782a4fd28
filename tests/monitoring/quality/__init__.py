"""Tests of live quality."""
