"""Tests of estimates without truths."""
