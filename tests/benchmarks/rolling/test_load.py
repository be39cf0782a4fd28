"""The outcome of a load: a request without its own prediction has a reason and a time, and requests in flight are counted."""

from __future__ import annotations

import numpy as np

from benchmarks.loadgen.result import FAILED, PROMPT, WRONG, LoadResult
from benchmarks.rolling.load import Outcome, in_flight, known_requests, reason_of

START_NS = 5_000_000_000


def _result() -> LoadResult:
    """Return a window of five requests: answered, refused, answered for another request, closed, and without an answer."""
    sent = np.array([10, 20, 30, 40, 50], dtype=np.int64) * 1_000_000
    return LoadResult(
        scheduled_ns=sent,
        taken_ns=sent,
        sent_ns=sent,
        done_ns=np.where([True, True, True, False, False], sent + 5_000_000, 0),
        status=np.array([200, 503, 200, 0, 0], dtype=np.int32),
        flags=np.array([PROMPT, PROMPT, PROMPT | WRONG, PROMPT | FAILED, PROMPT], dtype=np.uint32),
        seconds=1.0,
        connections=1,
        counts={"start_ns": START_NS},
    )


def test_each_failure_has_a_reason_and_the_time_of_its_request() -> None:
    """Only the request with its own prediction has none."""
    outcome = Outcome()
    outcome.add(_result())
    assert outcome.failures == [
        ("status 503", 5.02),
        ("the answer to another request", 5.03),
        ("connection closed", 5.04),
        ("no answer", 5.05),
    ]
    assert outcome.requests == 5
    assert outcome.quantile_ms(1.0) == 5.0
    assert (outcome.n_slower(4.9), outcome.n_slower(5.1)) == (1, 0)
    assert reason_of(_result(), 3) == "connection closed"


def test_requests_are_in_flight_from_their_start_to_their_answer() -> None:
    """A request without an answer stays in flight."""
    result = _result()
    assert [in_flight(result, 5.0 + ms / 1000, 5.0 + ms / 1000) for ms in (5, 12, 18, 42, 60)] == [0, 1, 0, 1, 2]
    assert in_flight(result, 5.012, 5.023) == 2


def test_the_known_requests_differ() -> None:
    """Each request has its own expected answer, so that the answer to another request is detected."""
    requests = known_requests()
    assert requests.ids
    assert len(set(requests.payloads)) == len(requests.payloads)
    assert all(expected.startswith(b'{"prediction":') for expected in requests.expected)
