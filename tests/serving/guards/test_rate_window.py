"""A caller never has more than its limit in any 60 seconds, and a wait that was announced and kept is enough."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from serving.guards.caller import Caller
from serving.guards.rate_limits import LocalRateLimiter, keep_counts

Step = tuple[float, int]

waits = st.one_of(
    st.floats(0, 0.01), st.floats(0, 2), st.floats(0, 70), st.sampled_from((0.0, 1.0, 59.0, 59.999, 60.0, 60.001, 61.0))
)
steps = st.lists(st.tuples(waits, st.integers(0, 7)), max_size=120)


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def _caller(limiter: LocalRateLimiter, requests: int | None = None, rows: int | None = None) -> Caller:
    return Caller("key-1", frozenset(("predict",)), requests, rows, limiter)


def _fail(decision: object) -> None:
    raise AssertionError("the decision of a local limiter is returned")


def _allows(limiter: LocalRateLimiter, caller: Caller, rows: int = 1) -> bool:
    return limiter.check(caller, rows, _fail).error is None


@given(start=st.floats(0, 100), steps=steps, requests=st.integers(1, 9), rows=st.one_of(st.none(), st.integers(1, 15)))
def test_no_window_has_more_than_the_limit(start: float, steps: list[Step], requests: int, rows: int | None) -> None:
    """In each 60 seconds, wherever they begin, at most the limit of requests and of rows is allowed."""
    clock = Clock(start)
    limiter = LocalRateLimiter(clock=clock)
    caller = _caller(limiter, requests, rows)
    allowed: list[tuple[float, int]] = []
    for wait_s, count in steps:
        clock.now += wait_s
        if limiter.check(caller, count, _fail).error is None:
            allowed.append((clock.now, count))
    for begin_s, _ in allowed:
        window = [count for time_s, count in allowed if begin_s <= time_s <= begin_s + 60]
        assert len(window) <= requests
        assert rows is None or sum(window) <= rows


@given(start=st.floats(0, 100), steps=steps, requests=st.integers(1, 9), rows=st.one_of(st.none(), st.integers(7, 15)))
def test_a_kept_wait_is_enough(start: float, steps: list[Step], requests: int, rows: int | None) -> None:
    """After each refusal, the same request is allowed once its Retry-After has passed, and the wait is at most 61 seconds."""
    clock = Clock(start)
    limiter = LocalRateLimiter(clock=clock)
    caller = _caller(limiter, requests, rows)
    for wait_s, count in steps:
        clock.now += wait_s
        error = limiter.check(caller, count, _fail).error
        if error is None:
            continue
        assert error.retry_after_s is not None
        assert 1 <= error.retry_after_s <= 61
        clock.now += error.retry_after_s
        assert limiter.refusal(caller) is None
        assert _allows(limiter, caller, count)


@given(steps=steps, requests=st.integers(1, 9))
def test_refusal_agrees_with_check(steps: list[Step], requests: int) -> None:
    """The refusal before the body is read is the one that a check would give."""
    clock = Clock()
    limiter = LocalRateLimiter(clock=clock)
    caller = _caller(limiter, requests)
    for wait_s, count in steps:
        clock.now += wait_s
        refusal = limiter.refusal(caller)
        error = limiter.check(caller, count, _fail).error
        assert (refusal is None) == (error is None)
        assert refusal is None or error is None or refusal.message == error.message


def test_slots_return_after_a_minute() -> None:
    """A slot is free again 60 to 61 seconds after its request, not earlier and not later."""
    clock = Clock(100.5)
    limiter = LocalRateLimiter(clock=clock)
    caller = _caller(limiter, 2)
    assert [_allows(limiter, caller) for _ in range(3)] == [True, True, False]
    for now, is_allowed in ((160.5, False), (160.999, False), (161.0, True)):
        clock.now = now
        assert _allows(limiter, caller) == is_allowed


def test_headers_tell_the_rest() -> None:
    """Each allowed request has the policy, the rest, and the seconds until the rest grows."""
    clock = Clock(100.0)
    limiter = LocalRateLimiter(clock=clock)
    caller = _caller(limiter, 2)
    lines = limiter.check(caller, 1, _fail).lines
    assert lines == b'ratelimit-policy: "requests";q=2;w=60\r\nratelimit: "requests";r=1;t=61\r\n'
    clock.now = 110.0
    assert limiter.check(caller, 1, _fail).lines.endswith(b'ratelimit: "requests";r=0;t=51\r\n')


def test_headers_have_both_limits() -> None:
    """A caller with limits of requests and rows sees both; a caller with one limit sees this one."""
    limiter = LocalRateLimiter(clock=Clock(100.0))
    lines = limiter.check(_caller(limiter, 5, 50), 20, _fail).lines
    assert lines == (
        b'ratelimit-policy: "requests";q=5;w=60, "rows";q=50;w=60\r\n'
        b'ratelimit: "requests";r=4;t=61, "rows";r=30;t=61\r\n'
    )
    rows = limiter.check(_caller(limiter, None, 50), 20, _fail).lines
    assert rows == b'ratelimit-policy: "rows";q=50;w=60\r\nratelimit: "rows";r=30;t=61\r\n'


def test_a_refusal_has_the_numbers() -> None:
    """A refusal names the limit, the rest and the wait, in its envelope and in its headers."""
    clock = Clock(100.0)
    limiter = LocalRateLimiter(clock=clock)
    caller = _caller(limiter, 1)
    assert _allows(limiter, caller)
    clock.now = 144.3
    error = limiter.check(caller, 1, _fail).error
    assert error is not None
    assert error.headers == (
        (b"retry-after", b"17"),
        (b"ratelimit-policy", b'"requests";q=1;w=60'),
        (b"ratelimit", b'"requests";r=0;t=17'),
    )
    assert error.envelope()["limit"] == 1
    assert error.envelope()["remaining"] == 0
    assert error.envelope()["retry_after_seconds"] == 17
    assert limiter.counts.refused == {"requests": 1, "rows": 0}


def test_a_request_that_can_never_fit_is_told_so() -> None:
    """A request of more rows than a whole window allows has no Retry-After, and its message says how to split it."""
    limiter = LocalRateLimiter(clock=Clock())
    caller = _caller(limiter, None, 10)
    error = limiter.check(caller, 11, _fail).error
    assert error is not None
    assert error.retry_after_s is None
    assert b"retry-after" not in dict(error.headers)
    assert "split the request into requests of at most 10 rows" in error.message
    assert limiter.counts.refused == {"requests": 0, "rows": 1}
    assert _allows(limiter, caller, 10)


def test_refused_rows_use_a_request() -> None:
    """A request that was decoded and refused for its rows uses one request, so that it cannot be repeated without end."""
    limiter = LocalRateLimiter(clock=Clock())
    caller = _caller(limiter, 3, 10)
    assert _allows(limiter, caller, 9)
    assert not _allows(limiter, caller, 2)
    assert limiter.refusal(caller) is None
    assert not _allows(limiter, caller, 2)
    refusal = limiter.refusal(caller)
    assert refusal is not None
    assert refusal.quantity == "requests"


def test_a_window_has_a_fixed_size() -> None:
    """The memory of a caller does not depend on its limit or its traffic."""
    clock = Clock()
    limiter = LocalRateLimiter(clock=clock)
    caller = _caller(limiter, 1_000_000, 1_000_000_000)
    sizes = set()
    for _ in range(300):
        clock.now += 0.7
        for _ in range(20):
            assert _allows(limiter, caller, 1_000)
        sizes.add(sys.getsizeof(caller.limiter_state._request_counts))
    assert len(sizes) == 1
    assert sizes.pop() < 1_000


def test_counts_survive_a_reload_of_the_keys() -> None:
    """A caller that replaces another one goes on with its counts, under its own limits."""
    limiter = LocalRateLimiter(clock=Clock())
    former = _caller(limiter, 3)
    assert [_allows(limiter, former) for _ in range(3)] == [True] * 3
    larger = _caller(limiter, 4, 10)
    keep_counts(former, larger)
    assert [_allows(limiter, larger) for _ in range(2)] == [True, False]
    smaller = _caller(limiter, 2)
    keep_counts(larger, smaller)
    error = limiter.check(smaller, 1, _fail).error
    assert error is not None
    assert error.remaining == 0
    unlimited = _caller(limiter)
    keep_counts(smaller, unlimited)
    assert unlimited.limiter_state is None
