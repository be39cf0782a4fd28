"""Tests of the peers: what can be tested without their environments."""
