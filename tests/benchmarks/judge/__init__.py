"""Tests of the judge of exported graphs."""
