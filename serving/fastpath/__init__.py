"""HTTP/1.1 on one connection: strict framing, limits, and the two ways to an answer (fast path and ASGI)."""
