"""A caller: the owner of an API key, or an address without a key."""

from __future__ import annotations

from typing import Any

from serving.guards.rate_limiter import RateLimiter
from tabento.keys.record import Scope as Scope

CALLER = "tabento.caller"
"""The key of an ASGI scope that holds the request's ``Caller``."""


class Caller:
    """The origin of a request, as guards, limits and logs see it.

    Args:
        caller_id: the id of the API key, or the address.
        scopes: the permissions.
        requests_per_minute: the largest number of requests in 60 seconds; None for no limit.
        rows_per_minute: the largest number of rows in 60 seconds; None for no limit.
        limiter: counts the requests; None if the caller has no limit.
        has_key: whether the caller has an API key; otherwise its id is an address, which no log of predictions has.
    """

    __slots__ = ("caller_id", "key_id", "limiter", "limiter_state", "requests_per_minute", "rows_per_minute", "scopes")

    def __init__(
        self,
        caller_id: str,
        scopes: frozenset[Scope],
        requests_per_minute: int | None = None,
        rows_per_minute: int | None = None,
        limiter: RateLimiter | None = None,
        has_key: bool = True,
    ) -> None:
        self.caller_id = caller_id
        self.key_id = caller_id if has_key else None
        """The id of the API key; None if the caller has no key."""
        self.scopes = scopes
        self.requests_per_minute = requests_per_minute
        self.rows_per_minute = rows_per_minute
        has_limit = requests_per_minute is not None or rows_per_minute is not None
        self.limiter = limiter if has_limit else None
        self.limiter_state: Any = None
        """The state of the limiter for this caller."""
