"""A siege of one real service: hostile clients of every kind in addition to good clients, over loopback, for a bounded time."""
