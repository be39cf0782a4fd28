"""The guard of a service, as its settings ask for it."""

from __future__ import annotations

import logging

from serving.guards.address_callers import AddressCallers
from serving.guards.build_keys import build_key_guard
from serving.guards.caller import Scope
from serving.guards.guard import Guard
from serving.guards.key_source import has_keys
from serving.guards.rate_limiter import RateLimiter
from serving.guards.rate_limits import LocalRateLimiter, RateCounts
from serving.guards.redis_limits import RedisRateLimiter
from serving.operations.metrics import Metrics
from serving.remote.redis_link import RedisLink
from serving.settings import ServingSettings
from tabento.remote.circuit_breaker import CircuitBreaker

logger = logging.getLogger("tabento.serving")

ANONYMOUS_SCOPES: frozenset[Scope] = frozenset(("predict", "read", "feedback"))
"""The permissions of a caller without a key, if the service needs none."""


def build_redis_link(settings: ServingSettings) -> RedisLink | None:
    """Return the connection to Redis; None if no URL is set, so that nothing of it is imported."""
    if settings.redis_url is None:
        return None
    breaker = CircuitBreaker("redis", open_s=settings.redis_open_s)
    return RedisLink(settings.redis_url.get_secret_value(), settings.redis_timeout_ms, breaker)


def build_limiter(settings: ServingSettings, counts: RateCounts, link: RedisLink | None) -> RateLimiter:
    """Return the rate limiter for all callers.

    Args:
        settings: the serving settings.
        counts: the counts for the metrics.
        link: the connection to Redis; None if each process counts by itself.
    """
    local = LocalRateLimiter(counts)
    return local if link is None else RedisRateLimiter(link, local, settings.redis_prefix)


def build_guard(settings: ServingSettings, metrics: Metrics, limiter: RateLimiter | None = None) -> Guard | None:
    """Return the guard; None if the settings ask for neither keys nor limits, so that the hot path has no work.

    Raises:
        KeysError: the keys of the settings cannot be read.
    """
    requests, rows = settings.anonymous_requests_per_minute, settings.anonymous_rows_per_minute
    needs_key = has_keys(settings)
    limits = (settings.key_requests_per_minute, settings.key_rows_per_minute) if needs_key else (requests, rows)
    if not needs_key and limits == (None, None):
        return None
    if limits != (None, None) and settings.workers > 1 and settings.redis_url is None:
        logger.warning(
            "%d worker processes count requests each by itself, so a caller may reach %d times its limit. Set redis_url"
            " to let them share their counts.",
            settings.workers,
            settings.workers,
        )
    if needs_key:
        return build_key_guard(settings, metrics, limiter)
    return Guard(None, AddressCallers(ANONYMOUS_SCOPES, requests, rows, limiter, settings.max_anonymous_callers))
