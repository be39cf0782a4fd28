"""The report of the comparison of estimators."""
