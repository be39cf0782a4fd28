"""Converters of sklearn.neighbors."""
