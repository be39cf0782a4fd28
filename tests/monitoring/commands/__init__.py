"""Tests of the commands of monitoring."""
