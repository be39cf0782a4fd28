"""Each failed request is explained, or counted as a fault."""

from __future__ import annotations

from typing import Any

from benchmarks.attacks.failures import explain
from benchmarks.attacks.report import faults
from benchmarks.attacks.watched_clients import Outcome, RecordedRequest


def _request(outcome: Outcome, ended_s: float = 1.0, local_port: int = 5, *, is_first: bool = False) -> RecordedRequest:
    return RecordedRequest(outcome, ended_s, 0.01, local_port, is_first)


def test_losses_with_and_without_a_reason_are_told_apart() -> None:
    """A loss with a reason is explained; a loss or a silence without one is not; another answer is wrong."""
    requests = [
        *(_request("right", 1.0), _request("right", 1.5), _request("right", 3.0), _request("refused")),
        *(_request("lost", local_port=5), _request("lost", local_port=6), _request("hung"), _request("wrong")),
    ]
    failure = explain("test", requests, lambda item: "killed" if item.local_port == 5 else None)
    assert failure.requests == 8
    assert failure.explained == {"killed": 1, "refused with 503": 1}
    assert (failure.unexplained, failure.wrong, failure.longest_gap_s) == (2, 1, 1.5)


def test_the_report_names_each_fault() -> None:
    """A limit that the service missed is a line with the number."""
    good = {"requests": 100, "refused": 2, "wrong": 0, "lost": 1, "hung": 0}
    failure = explain("SIGTERM", [_request("lost")], lambda _: None).to_json() | {"recovered": False}
    results: dict[str, Any] = {
        "volley": {"attack": {"faults": 1, "examples": [{"family": "json", "fault": "status 500"}]}, "good": good},
        "quiet": {"good": good | {"refused": 0, "lost": 0}},
        "slowloris": {"good": good | {"refused": 1, "lost": 0}},
        "keys": {"attack": {"admitted": 3}, "good": good | {"refused": 0, "lost": 0}},
        "smuggling": [{"proxy": "nginx", "wrong_next": 1, "wrong_shapes": {"two lengths": 1}}],
        "failures": [failure],
    }
    assert faults(results) == [
        "hostile requests: 1 faults, first (json): status 500",
        "hostile requests: 1 requests of good clients lost, expected 0",
        "hostile requests: 2 of 100 requests of good clients refused, expected at most 1%",
        "key guessing: 3 wrong keys were not refused",
        "smuggling through nginx: 1 clients did not get their own answer: two lengths",
        "SIGTERM: 1 requests unexplained, expected 0",
        "SIGTERM: the service did not recover or end in time",
    ]
