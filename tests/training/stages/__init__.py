"""Tests of training/stages."""
