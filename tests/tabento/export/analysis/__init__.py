"""Tests of tabento/export/analysis."""
