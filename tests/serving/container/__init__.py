"""Tests of the server of an image."""
