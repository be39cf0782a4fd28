"""The requests without a valid API key: counted by reason, limited by address, and logged: for each address
and minute one line for an invalid key, and one for requests without a key.

A secret has 256 random bits, so guessing is hopeless at any rate. The limit protects logs and metrics readers from noise, and
tells a client with a wrong key to stop. So an address over its limit gets 429 instead of 401, but a valid key from it is always
answered: clients behind one proxy share an address, and one of them must not lock out the others.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable
from time import monotonic
from typing import Literal, NamedTuple, get_args

from serving.errors import RateLimitedError, ServingError, UnauthorizedError

logger = logging.getLogger("tabento.serving")

WINDOW_S = 60.0
"""The seconds after which the failures of an address are forgotten."""
DEFAULT_LIMIT = 20
"""The largest number of invalid keys of an address in a window."""
MAX_ADDRESSES = 4_096
"""The largest number of addresses that are remembered, about 1 MB; the oldest one is forgotten first."""
MAX_LINES = 60
"""The largest number of log lines in a window, for many addresses at the same time."""

Reason = Literal["missing", "malformed", "unknown", "revoked", "expired", "scope", "locked"]
"""``locked`` counts the invalid keys of an address over its limit, ``scope`` valid keys without the permission."""


class KeyFault(NamedTuple):
    """The reason why a key is not valid."""

    reason: Reason
    key: str
    """The id of the key or the public prefix of its secret; empty for a malformed key, which may be any secret."""


class _Attempts:
    """The failures of one address since a time."""

    __slots__ = ("count", "is_missing_logged", "since")

    def __init__(self, since: float) -> None:
        self.count = 0
        """The invalid keys, without requests that have no key."""
        self.is_missing_logged = False
        self.since = since


class FailedAttempts:
    """Counts failures, and makes the error for each of them.

    Args:
        counts: the metric: the number of failures by reason.
        limit: the largest number of invalid keys of an address in a minute, after which it gets 429.
        clock: returns seconds.
    """

    def __init__(
        self, counts: dict[str, int], limit: int = DEFAULT_LIMIT, clock: Callable[[], float] = monotonic
    ) -> None:
        self._counts = counts
        # Each series begins at 0: Prometheus does not see the increase of a series whose first value is above 0.
        for reason in get_args(Reason):
            counts.setdefault(reason, 0)
        self._limit = limit
        self._clock = clock
        self._addresses: dict[str, _Attempts] = {}
        self._lines_since = clock()
        self._lines = 0

    def count(self, reason: Reason) -> None:
        """Count a failure that is not limited."""
        self._counts[reason] = self._counts.get(reason, 0) + 1

    def refuse(self, address: str, fault: KeyFault | None) -> ServingError:
        """Count a request without a valid key, and return its error.

        Args:
            address: the client's address.
            fault: the fault of the key; None if the request has no key, which is not an attempt to guess one.
        """
        now = self._clock()
        block = address_block(address)
        attempts = self._addresses.get(block)
        if attempts is None or now - attempts.since >= WINDOW_S:
            self._addresses.pop(block, None)
            if len(self._addresses) >= MAX_ADDRESSES:
                del self._addresses[next(iter(self._addresses))]
            attempts = self._addresses[block] = _Attempts(now)
        if fault is None:
            self.count("missing")
            if not attempts.is_missing_logged:
                attempts.is_missing_logged = True
                self._log(now, block, "no API key")
        else:
            attempts.count += 1
            if attempts.count == 1:
                self._log(now, block, f"{fault.reason} API key {fault.key}".rstrip())
            if attempts.count > self._limit:
                self.count("locked")
                wait_s = int(attempts.since + WINDOW_S - now) + 1
                return RateLimitedError(
                    f"Too many requests with an invalid API key. Try again in {wait_s} s, with a valid key.",
                    limit=self._limit,
                    remaining=0,
                    retry_after_s=wait_s,
                )
            self.count(fault.reason)
        return UnauthorizedError("Expected a valid API key in the header X-API-Key or Authorization: Bearer.")

    def _log(self, now: float, block: str, reason: str) -> None:
        """Log the first failure of an address in a window, unless many addresses were logged."""
        if now - self._lines_since >= WINDOW_S:
            self._lines_since, self._lines = now, 0
        self._lines += 1
        if self._lines > MAX_LINES:
            return
        logger.warning("refused a request of %s: %s; further ones in this minute are only counted", block, reason)
        if self._lines == MAX_LINES:
            logger.warning("more addresses without a valid API key are not logged in this minute")


def address_block(address: str) -> str:
    """Return the text under which the failures of an address are counted.

    That is the address, or the network of 64 bits of an IPv6 address: one customer usually has at least such a network.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ascii(address[:64])
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return f"{ipaddress.IPv6Address(int(ip) >> 64 << 64)}/64"
