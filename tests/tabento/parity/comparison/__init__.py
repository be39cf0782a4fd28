"""Tests of tabento/parity/comparison."""
