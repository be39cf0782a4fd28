"""The report of rolling updates names each expectation that was not met."""

from __future__ import annotations

import copy
from typing import Any

from benchmarks.rolling.report import markdown, missed_expectations


def _results() -> dict[str, Any]:
    """Return results in which all expectations are met."""
    outcome = {"requests": 36000, "failures": {}, "p99_ms": 6.5, "longest_ms": 63.7, "slower_than_1_s": 0}
    loss = {**outcome, "in_flight": [3, 2], "failed": [0, 0], "failed_later": 0}
    updates = {**outcome, "in_place": 25, "surge": 25, "replicas": 150, "end_s": 1.2, "ready_s": 0.8, "update_s": 9.0}
    unrepeated = {**loss, "failed": [1, 2], "failures": {"connection closed": 3}}
    proxy = {
        "updates": updates,
        "updates_unrepeated": updates,
        "kills": loss,
        "pauses": loss,
        "kills_unrepeated": unrepeated,
    }
    return {
        "machine": {"cores": 2},
        "rate_per_s": 300.0,
        "connections": 32,
        "proxies": {"haproxy": proxy, "nginx": copy.deepcopy(proxy)},
    }


def test_failures_that_were_in_flight_are_expected() -> None:
    """If predictions are not repeated, a killed replica may fail the requests that were in flight."""
    assert missed_expectations(_results()) == []


def test_each_missed_expectation_is_named() -> None:
    """A failed request in an update, more failures than requests in flight, and a late failure are three faults."""
    results = _results()
    results["proxies"]["haproxy"]["updates"]["failures"] = {"status 503": 2}
    results["proxies"]["nginx"]["kills_unrepeated"].update(failed=[1, 4], failed_later=1)
    assert missed_expectations(results) == [
        "haproxy, updates: expected no failed request, got 2 (status 503)",
        "nginx, kill 2: expected at most 2 failed requests, which were in flight, got 4",
        "nginx: 1 requests failed that were sent after the end of the replica",
    ]


def test_the_tables_have_a_row_for_each_proxy_and_kind() -> None:
    """Updates have two rows for each proxy, and losses have three."""
    text = markdown(_results())
    assert text.count("| HAProxy |") == text.count("| nginx |") == 5
    assert (
        "| HAProxy | repeated | 25 in place, 25 by surge | 150 | 36,000 | 0 | 6.5 ms, 63.7 ms | 1.2 s, 0.8 s |" in text
    )
    assert "| nginx | killed; predictions are not repeated | 2 | 5 | 3 (connection closed) | 0 | 0 | 0.06 s |" in text
