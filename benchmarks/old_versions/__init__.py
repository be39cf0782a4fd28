"""Pipelines that older versions of scikit-learn have fitted, imported one by one: ``python -m benchmarks.old_versions``."""
