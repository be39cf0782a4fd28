"""Tests of the replay of the prediction log."""
