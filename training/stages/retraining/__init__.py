"""Retraining: the changes of the data since the champion's training, and a challenger if a new model passes its gate."""
