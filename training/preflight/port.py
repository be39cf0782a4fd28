"""The port of a service: whether it can be opened, before a model is trained for it."""

from __future__ import annotations

import errno
import socket

_TRIED_PORTS = 50
"""How many ports behind a taken one are tried, to name a free one."""


def port_problem(host: str, port: int) -> str | None:
    """Say why a service cannot listen; None if it can.

    Args:
        host: a name or an address, IPv4 or IPv6.
        port: 1 to 65535.
    """
    if not 1 <= port <= 65_535:
        return f"Port {port}: expected a number from 1 to 65535. Choose one with --port (make: PORT=3001)."
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"Host {host!r}: {reason}. Choose an address of this machine with --host (make: HOST=127.0.0.1)."
    refused = _bind(family, (address[0], port, *address[2:]))
    if refused is None:
        return None
    if refused.errno == errno.EADDRINUSE:
        following = range(port + 1, min(port + _TRIED_PORTS, 65_536))
        free = next((n for n in following if _bind(family, (address[0], n, *address[2:])) is None), None)
        other = f"--port {free} (make: PORT={free})" if free else "another with --port (make: PORT=...)"
        return f"Port {port} of {host} is taken by another program. Stop that, or take {other}."
    if refused.errno == errno.EACCES:
        return f"Port {port}: this account may not open it. Choose one above 1023 with --port (make: PORT=3000)."
    return (
        f"Port {port} of {host} cannot be opened: {refused.strerror}. Choose an address of this machine with --host"
        " (make: HOST=127.0.0.1)."
    )


def _bind(family: int, address: tuple[object, ...]) -> OSError | None:
    """Try to take an address for a moment; return what was in the way."""
    with socket.socket(family, socket.SOCK_STREAM) as taken:
        # As servers do: a port whose last connections are ending counts as free.
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(address)
        except OSError as error:
            return error
    return None
