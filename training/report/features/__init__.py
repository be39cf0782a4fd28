"""The report of the feature studies."""
