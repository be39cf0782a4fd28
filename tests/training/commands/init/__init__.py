"""Tests of ``training.commands.init``."""
