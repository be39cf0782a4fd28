"""Tests of serving/routes."""
