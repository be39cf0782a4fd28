"""Tests of tabento/tables."""
