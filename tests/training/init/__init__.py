"""Tests of ``training.init``."""
