"""Tests of the parts of the monitor process."""
