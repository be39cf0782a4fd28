"""Tests of ab_test."""
