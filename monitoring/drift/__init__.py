"""Drift on all rows: histograms on the reference's edges, sliding windows over them, and verdicts."""
