"""Feedback: the true values that clients report later, each joined with the prediction that it belongs to."""
