"""A call finds the address of its client."""

from __future__ import annotations

import pytest

from serving.protocols.grpc.call import address_of_peer


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:50000", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:50000", "2001:db8::1"),
        ("unix:/run/service.sock", None),
    ],
)
def test_the_address_of_a_peer(peer: str, address: str | None) -> None:
    """The address is read without port and brackets; a Unix socket has none."""
    assert address_of_peer(peer) == address
