"""Tests of the Grafana dashboard."""
