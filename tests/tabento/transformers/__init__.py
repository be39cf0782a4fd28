"""Tests of tabento/transformers."""
