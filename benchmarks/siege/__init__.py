"""A siege of one real service: hostile clients of every kind beside good ones, over loopback, for a bounded time."""
