"""Tests of the siege's own parts; what it shows about the service is in ``tests/siege``."""
