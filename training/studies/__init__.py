"""Studies: comparisons by which training decides features, estimator and parameters, and the study of the data."""
