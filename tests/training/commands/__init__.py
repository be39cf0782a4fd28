"""Tests of training.commands."""
