"""Tests of the quoted figures."""
