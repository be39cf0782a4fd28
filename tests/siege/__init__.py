"""The short siege: each kind of hostile client once, in addition to good clients, against a real service."""
