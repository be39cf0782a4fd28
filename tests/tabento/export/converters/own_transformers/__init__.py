"""Tests of tabento/export/converters/own_transformers."""
