"""Analyses of a graph's values: the origin of a column, its range, and whether its last bits are exact."""
