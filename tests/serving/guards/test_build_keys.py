"""The guard of a service with keys gets the limits of records and settings."""

from __future__ import annotations

import pytest

from serving.guards.build import build_guard
from serving.guards.build_keys import build_key_guard, caller_of_record
from serving.operations.metrics import Metrics
from serving.settings import ServingSettings
from tabento.keys.errors import KeysError
from tabento.keys.inline import inline_entry
from tests.serving.guards.key_records import new_key


def test_a_record_without_limits_gets_the_limits_of_the_service() -> None:
    """The limits of a record win; unset ones are the service's limits for keys."""
    limited, unlimited = new_key(requests_per_minute=5)[1], new_key()[1]
    callers = [caller_of_record(record, None, 100, 200) for record in (limited, unlimited)]
    assert [(caller.requests_per_minute, caller.rows_per_minute) for caller in callers] == [(5, 200), (100, 200)]


def test_the_guard_counts_in_the_metrics() -> None:
    """A key of the settings is identified, and a failure is counted in the metrics of the service."""
    secret, record = new_key()
    metrics = Metrics()
    settings = ServingSettings(api_keys=inline_entry(record), key_requests_per_minute=7)
    guard = build_key_guard(settings, metrics, None)
    caller = guard.identify(secret.encode(), "192.0.2.1", "predict")
    assert (caller.caller_id, caller.requests_per_minute) == ("shop-1", 7)
    with pytest.raises(Exception, match="Expected a valid API key"):
        guard.identify(None, "192.0.2.1", "predict")
    assert {reason: count for reason, count in metrics.auth_failures.items() if count} == {"missing": 1}
    assert metrics.key_source is not None


def test_without_keys_there_is_no_guard() -> None:
    """A service without keys pays nothing on the hot path; wrong keys are an error."""
    assert build_guard(ServingSettings(), Metrics()) is None
    with pytest.raises(KeysError, match="api_keys, entry 1"):
        build_guard(ServingSettings(api_keys="wrong"), Metrics())
