"""Tests of training/studies/evaluation."""
