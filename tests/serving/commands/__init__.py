"""Tests of serving.commands."""
