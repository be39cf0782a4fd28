"""Tests of tabento/export/converters."""
