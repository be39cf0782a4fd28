"""Tests of pipelines that another version of scikit-learn has fitted."""
