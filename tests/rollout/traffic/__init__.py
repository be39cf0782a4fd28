"""Tests of the split of traffic."""
