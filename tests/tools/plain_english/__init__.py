"""Tests of the lint for plain English."""
