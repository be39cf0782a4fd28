"""Tests of tabento."""
