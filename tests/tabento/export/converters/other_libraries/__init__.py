"""Tests of tabento/export/converters/other_libraries."""
