"""Selection: estimators compared on the same folds, and the best of those that keep the latency and size budget."""
