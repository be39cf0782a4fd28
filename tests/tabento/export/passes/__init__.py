"""Tests of tabento/export/passes."""
