"""Pipelines that older versions of scikit-learn have fitted, imported one at a time: ``python -m benchmarks.old_versions``."""
