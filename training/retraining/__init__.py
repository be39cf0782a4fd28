"""Retraining: what changed since the champion learned, and a challenger where a new model passes its gate."""
