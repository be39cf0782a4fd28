"""Tests of `monitoring.service_log`."""
