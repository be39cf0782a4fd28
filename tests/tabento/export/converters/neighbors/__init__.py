"""Tests of tabento/export/converters/neighbors."""
