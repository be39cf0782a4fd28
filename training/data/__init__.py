"""Data: loading, validation and split."""
