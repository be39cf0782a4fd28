"""Callers without a key are told apart by address, in a bounded table."""

from __future__ import annotations

import pytest

from serving.guards.address_callers import AddressCallers, address_group
from serving.guards.rate_limits import LocalRateLimiter


def _table(max_callers: int = 3) -> AddressCallers:
    return AddressCallers(frozenset(("predict",)), 2, None, LocalRateLimiter(), max_callers)


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:7::1", "2001:db8:0:7::/64"),
        ("2001:DB8:0:7:ffff:ffff:ffff:ffff", "2001:db8:0:7::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unix", "unix"),
    ],
)
def test_addresses_have_groups(address: str, group: str) -> None:
    """An IPv4 address is a group, an IPv6 address belongs to its network of 64 bits."""
    assert address_group(address) == group


def test_addresses_of_a_group_share_a_caller() -> None:
    """A subscriber with many addresses has one limit."""
    table = _table()
    assert table.find("2001:db8::1") is table.find("2001:db8::2")
    assert table.find("2001:db8::1") is not table.find("2001:db8:0:1::1")


def test_the_table_is_bounded() -> None:
    """The caller that was not seen for the longest time leaves first, and with it its counts."""
    table = _table()
    first, second = table.find("192.0.2.1"), table.find("192.0.2.2")
    table.find("192.0.2.3")
    assert table.find("192.0.2.1") is first
    table.find("192.0.2.4")
    assert len(table) == 3
    assert table.find("192.0.2.1") is first
    assert table.find("192.0.2.2") is not second


def test_many_networks_do_not_fill_the_memory() -> None:
    """A client with very many addresses fills the table and nothing else."""
    table = _table(100)
    for number in range(1_000):
        table.find(f"2001:db8:0:{number:x}::{number:x}")
    assert len(table) == 100
    assert table._group.cache_info().currsize == 100
