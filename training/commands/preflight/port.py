"""The port of a service: whether it can be opened, before a model is trained for it."""

from __future__ import annotations

import errno
import socket

_TRIED_PORTS = 50
"""The number of ports after a taken one that are tried, to suggest a free one."""


def port_problem(host: str, port: int) -> str | None:
    """Return the reason why a service cannot listen; None if it can listen.

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
    bind_error = _bind(family, (address[0], port, *address[2:]))
    if bind_error is None:
        return None
    if bind_error.errno == errno.EADDRINUSE:
        following = range(port + 1, min(port + _TRIED_PORTS, 65_536))
        free = next((n for n in following if _bind(family, (address[0], n, *address[2:])) is None), None)
        other = f"--port {free} (make: PORT={free})" if free else "another with --port (make: PORT=...)"
        return f"Port {port} of {host} is taken by another program. Stop that, or take {other}."
    if bind_error.errno == errno.EACCES:
        return f"Port {port}: this account may not open it. Choose one above 1023 with --port (make: PORT=3000)."
    return (
        f"Port {port} of {host} cannot be opened: {bind_error.strerror}. Choose an address of this machine with --host"
        " (make: HOST=127.0.0.1)."
    )


def _bind(family: int, address: tuple[object, ...]) -> OSError | None:
    """Bind an address for a moment; return the error if that fails."""
    with socket.socket(family, socket.SOCK_STREAM) as test_socket:
        # As servers do: a port whose last connections are closing is treated as free.
        test_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            test_socket.bind(address)
        except OSError as error:
            return error
    return None
