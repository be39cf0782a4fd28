"""Converters of sklearn.ensemble."""
