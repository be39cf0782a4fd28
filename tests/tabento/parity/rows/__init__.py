"""Tests of tabento/parity/rows."""
