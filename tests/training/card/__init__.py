"""Tests of training.card."""
