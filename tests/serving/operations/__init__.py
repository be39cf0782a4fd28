"""Tests of serving/operations."""
