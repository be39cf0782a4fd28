"""Tests of tabento/export/graph."""
