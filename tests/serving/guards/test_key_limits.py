"""A key has its own limits, else those for all keys, and keeps its counts when the keys are read again."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from serving.guards.build_keys import caller_of_record
from serving.guards.caller import Caller
from serving.guards.keyring import Keyring
from serving.guards.rate_limits import LocalRateLimiter
from tabento.keys.record import KeyRecord
from tests.serving.guards.key_records import new_key


@pytest.mark.parametrize(
    ("own", "expected"),
    [({}, (7, 70)), ({"requests_per_minute": 3}, (3, 70)), ({"rows_per_minute": 30}, (7, 30))],
    ids=["none", "requests", "rows"],
)
def test_the_settings_fill_missing_limits(own: dict[str, Any], expected: tuple[int, int]) -> None:
    """A limit of the record wins over the limit for all keys."""
    _, record = new_key(**own)
    caller = caller_of_record(record, LocalRateLimiter(), 7, 70)
    assert (caller.requests_per_minute, caller.rows_per_minute) == expected


def test_a_key_without_limits_pays_nothing() -> None:
    """A caller without any limit has no limiter."""
    assert caller_of_record(new_key()[1], LocalRateLimiter()).limiter is None


def test_changed_limits_do_not_reset_the_counts() -> None:
    """A key whose limit changes in the file goes on with the requests that it has used."""
    limiter = LocalRateLimiter()
    secret, record = new_key(requests_per_minute=2)
    keyring = Keyring(partial(caller_of_record, limiter=limiter))

    def count_allowed(record: KeyRecord) -> int:
        keyring.replace((record,))
        caller = keyring.find(secret.encode())
        assert isinstance(caller, Caller)
        return sum(limiter.check(caller, 1, print).error is None for _ in range(5))

    assert count_allowed(record) == 2
    assert count_allowed(replace(record, requests_per_minute=3)) == 1
    assert count_allowed(replace(record, requests_per_minute=1)) == 0
