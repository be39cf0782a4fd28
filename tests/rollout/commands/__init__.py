"""Tests of the commands of the rollout."""
