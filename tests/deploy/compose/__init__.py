"""Tests of the compose file and its preparation."""
