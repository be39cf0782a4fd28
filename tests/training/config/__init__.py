"""Tests of training.config."""
