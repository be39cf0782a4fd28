"""Tests of the rollout: document, traffic, shadow, judge."""
