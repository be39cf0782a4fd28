"""Tests of ``serving.protocols``."""
