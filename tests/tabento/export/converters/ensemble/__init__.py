"""Tests of tabento/export/converters/ensemble."""
