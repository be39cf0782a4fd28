"""Tests of tabento/export/converters/preprocessing."""
