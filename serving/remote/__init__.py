"""Engines outside the process that a service may use; each has a default inside the process."""
