"""Tests of training.gate."""
