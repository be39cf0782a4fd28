"""The list of host names."""

from __future__ import annotations

import pytest

from serving.guards.hosts import AllowedHosts, host_of
from serving.settings import ServingSettings

NAMES = ("api.example.com", "*.inner.example", "10.1.2.3", "[2001:db8::1]")


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("api.example.com", True),
        ("API.Example.com:8443", True),
        ("api.example.com.", True),
        ("api.example.com.:80", True),
        ("a.inner.example", True),
        ("a.b.inner.example:80", True),
        ("10.1.2.3:3000", True),
        ("[2001:DB8::1]:3000", True),
        ("[2001:db8::1]", True),
        ("", False),
        ("example.com", False),
        ("inner.example", False),
        ("*.inner.example", True),  # below inner.example, and no name of a real host
        ("api.example.com.evil.example", False),
        ("evil-api.example.com", False),
        ("evilinner.example", False),
        ("10.1.2.30", False),
        ("[2001:db8::2]:3000", False),
        ("api.example.com:80:80", False),
    ],
)
def test_a_name_is_allowed_if_it_is_listed(host: str, allowed: bool) -> None:
    """Letter case, port and a final dot do not count; a star is for the names below a domain only."""
    assert AllowedHosts(NAMES).allow(host.encode()) == allowed


def test_the_host_of_a_request() -> None:
    """A request without a Host header has an empty name, which no list has."""
    assert host_of([(b"a", b"b"), (b"host", b"x")]) == b"x"
    assert host_of([]) == b""
    assert not AllowedHosts(["*.example"]).allow(host_of([]))


@pytest.mark.parametrize("name", ["", "*", "a b", "https://a.example", "a.example:80", "*.*.example", "a..b", "a/b"])
def test_what_is_no_host_name_is_refused(name: str) -> None:
    """The settings name the remedy."""
    with pytest.raises(ValueError, match=r"write api\.example\.com"):
        ServingSettings(allowed_hosts=(name,))
