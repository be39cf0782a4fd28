"""The feature studies: they decide imputation, number of clusters and columns, each by a score in cross-validation."""
