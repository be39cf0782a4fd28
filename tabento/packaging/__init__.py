"""Packaging: the files that are stored with a graph, and the check that the stored bundle gives the same answers."""
