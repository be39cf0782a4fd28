"""Data: where it comes from, what it must look like, how it is split."""
