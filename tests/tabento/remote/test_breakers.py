"""The circuit breakers of a process, one for each server."""

from __future__ import annotations

import pytest

from tabento.remote.breakers import breaker_of, forget_breakers


def test_addresses_of_one_server_share_a_breaker() -> None:
    """Path, query and password do not matter; another port, host or scheme is another server."""
    breaker = breaker_of("https://data.example.org/table.csv")
    assert breaker.name == "https://data.example.org"
    assert breaker_of("https://me:secret@data.example.org/other?key=1") is breaker
    other_addresses = ["https://data.example.org:8443/", "https://example.org/", "http://data.example.org/"]
    assert breaker not in [breaker_of(address) for address in other_addresses]


@pytest.mark.parametrize("address", ["http://[::1", "http://host:70000/", "http://", ""])
def test_an_invalid_address_has_a_breaker_too(address: str) -> None:
    """The client of the server reports an invalid address, not the breaker."""
    assert breaker_of(address).allows()


def test_breakers_can_be_forgotten() -> None:
    """A test starts without the failures of another one."""
    breaker_of("https://data.example.org").failed("refused")
    forget_breakers()
    assert breaker_of("https://data.example.org").failures == 0
