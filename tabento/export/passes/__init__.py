"""Passes over a written graph: each changes the graph in place and keeps every answer."""
