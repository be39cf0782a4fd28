"""Tests of training/report/evaluation."""
