"""Tests of rolling updates and losses of replicas."""
