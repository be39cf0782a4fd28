"""The study of the data: statistics, relations and findings, computed before anything is fitted."""
