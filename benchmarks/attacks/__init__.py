"""Hostile requests in large numbers, and failures of the service's parts under load: what clients get, and what is lost."""
