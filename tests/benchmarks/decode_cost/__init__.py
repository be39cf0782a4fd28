"""The search for the most expensive bodies."""
