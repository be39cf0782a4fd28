"""The parts of the request decoder."""
