"""Tests of tabento/export/converters/impute."""
