"""Tests of tabento/export/formulas."""
