"""The rows that the proof of parity tries: hostile rows, rows at thresholds, rows at decision boundaries."""
