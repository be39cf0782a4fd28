"""The tests of retraining."""
