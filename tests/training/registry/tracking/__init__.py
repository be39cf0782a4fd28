"""Tracking's tests."""
