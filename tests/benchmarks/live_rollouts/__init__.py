"""Tests of the rollouts on a real service."""
