"""Transformers of the pipeline that scikit-learn does not have."""
