"""Tests of training/transformers."""
