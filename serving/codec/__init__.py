"""The parts of the request decoder: slices of work, JSON tokens, field checks and error messages."""
