"""The guard of a service with API keys."""

from __future__ import annotations

from serving.guards.caller import Caller
from serving.guards.failed_attempts import FailedAttempts
from serving.guards.guard import Guard
from serving.guards.key_source import KeySource
from serving.guards.keyring import Keyring
from serving.guards.rate_limiter import RateLimiter
from serving.operations.metrics import Metrics
from serving.settings import ServingSettings
from tabento.keys.record import KeyRecord


class UnlimitedAddresses:
    """Callers without a key and without a limit."""

    def find(self, address: str) -> Caller:
        """Return the caller of an address."""
        return Caller(address, frozenset(("predict", "read", "feedback")), has_key=False)


def build_key_guard(settings: ServingSettings, metrics: Metrics, limiter: RateLimiter | None) -> Guard:
    """Return a guard that asks for a key.

    Args:
        settings: the serving settings, which name the keys, and the limits of a key whose record has none.
        metrics: counts failures, and shows whether the key file is used.
        limiter: counts the requests of each caller; None for no limits.

    Raises:
        KeysError: the keys cannot be read.
    """

    def make_caller(record: KeyRecord) -> Caller:
        return caller_of_record(record, limiter, settings.key_requests_per_minute, settings.key_rows_per_minute)

    keyring = Keyring(make_caller)
    source = metrics.key_source = KeySource(settings, keyring)
    failures = FailedAttempts(metrics.auth_failures, settings.auth_failures_per_minute)
    return Guard(keyring, UnlimitedAddresses(), failures, source)


def caller_of_record(
    record: KeyRecord,
    limiter: RateLimiter | None,
    requests_per_minute: int | None = None,
    rows_per_minute: int | None = None,
) -> Caller:
    """Return the caller of a key, with the limits of its record, else with the service's limits for keys."""
    return Caller(
        record.id,
        record.scopes,
        requests_per_minute if record.requests_per_minute is None else record.requests_per_minute,
        rows_per_minute if record.rows_per_minute is None else record.rows_per_minute,
        limiter,
    )
