"""The report of the study of the data."""
