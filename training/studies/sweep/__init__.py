"""Sweep: the search for the chosen estimator's parameters, by cross-validation inside the training part."""
