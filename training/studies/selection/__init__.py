"""Selection: estimators are compared on the same folds, and the best one within the latency and size budget is chosen."""
