"""Tests of the siege's own parts; the tests of the service under siege are in ``tests/siege``."""
