"""Tests of training.commands.preflight."""
