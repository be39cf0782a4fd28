"""Tests of the end-to-end run."""
