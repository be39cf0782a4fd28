"""Tests of training.adoption."""
