"""Tests of the proof of parity."""
