"""The circuit breakers of a process, one for each server: all calls to a server share its breaker."""

from __future__ import annotations

from functools import cache
from urllib.parse import urlsplit

from tabento.remote.circuit_breaker import CircuitBreaker


def breaker_of(address: str) -> CircuitBreaker:
    """Return the breaker of the server in an address, such as ``https://data.example.org/table.csv``.

    Its name has the host and the port, but no user, password, path or query. Whether the address is valid is for the client
    of the server to decide.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return _breaker("an invalid address")
    return _breaker(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def forget_breakers() -> None:
    """Forget all breakers, with their failures: for tests."""
    _breaker.cache_clear()


@cache
def _breaker(name: str) -> CircuitBreaker:
    return CircuitBreaker(name)
