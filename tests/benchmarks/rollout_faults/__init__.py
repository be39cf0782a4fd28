"""Tests of the faults of rollouts."""
