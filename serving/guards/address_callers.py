"""The callers without an API key: one for each IPv4 address, and one for each IPv6 network of 64 bits.

One subscriber usually has a whole /64, so an address of its own for each request must not be a way around the limit. The
table is bounded: the caller that was not seen for the longest time leaves first, and its counts with it.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

from serving.guards.caller import Caller, Scope
from serving.guards.rate_limiter import RateLimiter

NETWORK_BITS = 64
"""The length of the prefix that the addresses of one IPv6 subscriber share (RFC 6177)."""


class AddressCallers:
    """The table of callers without a key; an ``AddressTable``.

    Args:
        scopes: the permissions of a caller without a key.
        requests_per_minute: the limit of each; None for no limit.
        rows_per_minute: the limit of each; None for no limit.
        limiter: counts their requests; None if there are no limits.
        max_callers: the largest number of callers in the table.
    """

    def __init__(
        self,
        scopes: frozenset[Scope],
        requests_per_minute: int | None,
        rows_per_minute: int | None,
        limiter: RateLimiter | None,
        max_callers: int,
    ) -> None:
        self._scopes = scopes
        self._requests_per_minute = requests_per_minute
        self._rows_per_minute = rows_per_minute
        self._limiter = limiter
        self._max_callers = max_callers
        self._callers: OrderedDict[str, Caller] = OrderedDict()
        self._group = lru_cache(max_callers)(address_group)

    def __len__(self) -> int:
        return len(self._callers)

    def find(self, address: str) -> Caller:
        """Return the caller of an address."""
        group = self._group(address)
        callers = self._callers
        caller = callers.get(group)
        if caller is not None:
            callers.move_to_end(group)
            return caller
        caller = Caller(group, self._scopes, self._requests_per_minute, self._rows_per_minute, self._limiter, False)
        callers[group] = caller
        if len(callers) > self._max_callers:
            callers.popitem(last=False)
        return caller


def address_group(address: str) -> str:
    """Return the group of addresses that share a limit.

    An IPv4 address is a group by itself, also if it is written as an IPv6 address (``::ffff:192.0.2.1``); an IPv6 address
    belongs to its network of 64 bits. Other text, such as ``unix``, stays as it is.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed, NETWORK_BITS), strict=False))
