"""The messages about an address at which a service cannot listen. Each has the remedy."""

from __future__ import annotations

import errno
import os

import click

HIGHEST_PORT = 65_535
FIRST_FREE_PORT = 1024
"""Ports below this one are reserved for privileged users, by the kernel's default."""


def requested_port() -> int | None:
    """Return the port of ``bentoml serve``, from its command line or BENTOML_PORT; None in a process that is not this command."""
    context = click.get_current_context(silent=True)
    port = None if context is None else context.params.get("port")
    return port if isinstance(port, int) else None


def port_problem(port: int | None) -> str | None:
    """Return the message that refuses a number which is not a port; None for a port.

    The system's resolver takes such a number modulo 65536, so the service would listen at another port.
    """
    if port is None or 0 <= port <= HIGHEST_PORT:
        return None
    return f"expected a port from 0 to {HIGHEST_PORT}, got {port}: choose another port with --port or BENTOML_PORT."


def address_problem(host: str, port: int, error: OSError) -> str:
    """Return the message about an address at which the service cannot listen."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use: stop the process that listens there, or choose another port with --port."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine: choose one with --host; 0.0.0.0 means all addresses."
    if error.errno == errno.EACCES and port < FIRST_FREE_PORT:
        return (
            f"port {port} needs a right that user {os.geteuid()} does not have here (CAP_NET_BIND_SERVICE):"
            f" choose a port from {FIRST_FREE_PORT} on with --port."
        )
    return f"the service cannot listen at port {port} of {host}: {error.strerror or error}. Choose others with --host and --port."
