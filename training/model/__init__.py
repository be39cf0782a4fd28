"""The model: pipeline, estimators, metrics, cross-validation and explanations."""
