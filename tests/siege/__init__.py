"""The short siege: each kind of hostile client once, beside good ones, against a real service."""
