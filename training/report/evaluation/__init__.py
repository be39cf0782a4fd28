"""The report about a repeated cross-validation."""
