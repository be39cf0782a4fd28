"""Tests of the models of a worker."""
