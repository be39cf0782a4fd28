"""Tests of tabento/packaging."""
