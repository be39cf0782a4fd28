"""Tests of tabento.adopt."""
