"""Tests of training.preflight."""
