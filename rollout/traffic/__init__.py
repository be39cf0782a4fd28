"""The split of a model's traffic between its champion and its challenger."""
