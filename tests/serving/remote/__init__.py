"""Tests of the connection to Redis."""
