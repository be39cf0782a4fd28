"""Tests of tabento/export."""
