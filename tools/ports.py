"""Free TCP ports for the servers that benchmarks, tests and the proof of images start."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port of the loopback interface on which no process listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
