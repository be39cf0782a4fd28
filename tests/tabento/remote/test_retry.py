"""Tests of the retries, with waits that are recorded instead of waited."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tabento.remote.circuit_breaker import CircuitBreaker
from tabento.remote.errors import RemoteUnavailableError
from tabento.remote.retry import CircuitOpenError, RetryPolicy


class FailingServer:
    """A call that raises its errors one after the other, and then returns 42."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        """Count the call, and raise the next error if one is left."""
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return 42


def is_connection_error(error: BaseException) -> bool:
    """Return whether an error is temporary in these tests."""
    return isinstance(error, ConnectionError)


@pytest.fixture
def waits() -> list[float]:
    """Return the list of recorded waits in seconds."""
    return []


@pytest.fixture
def policy(waits: list[float]) -> RetryPolicy:
    """Return the default policy with recorded waits."""
    return RetryPolicy(sleep=waits.append)


def test_a_temporary_error_is_retried(policy: RetryPolicy, waits: list[float]) -> None:
    """Two temporary errors cost waits of 2 and 4 s; the third attempt's result is returned."""
    server = FailingServer(ConnectionError("1"), ConnectionError("2"))
    assert policy.run(server, is_connection_error) == 42
    assert (server.calls, waits) == (3, [2.0, 4.0])


def test_waits_grow_up_to_their_limit(policy: RetryPolicy, waits: list[float]) -> None:
    """Waits double from 2 s and stay at 10 s; jitter adds at most its limit."""
    errors = [ConnectionError(str(i)) for i in range(5)]
    replace(policy, attempts=6).run(FailingServer(*errors), is_connection_error)
    assert waits == [2.0, 4.0, 8.0, 10.0, 10.0]
    waits.clear()
    replace(policy, attempts=6, jitter_s=1.0).run(FailingServer(*errors), is_connection_error)
    assert all(base <= wait <= base + 1.0 for base, wait in zip([2.0, 4.0, 8.0, 10.0, 10.0], waits, strict=True))


def test_the_last_error_is_raised(policy: RetryPolicy, waits: list[float]) -> None:
    """After three attempts the error of the third is raised unchanged, without another wait."""
    errors = [ConnectionError(str(i)) for i in range(3)]
    with pytest.raises(ConnectionError, match="2"):
        policy.run(FailingServer(*errors), is_connection_error)
    assert len(waits) == 2


def test_a_permanent_error_is_not_retried(policy: RetryPolicy, waits: list[float]) -> None:
    """An error that no attempt can resolve is raised at once, and counts as an answer of the dependency."""
    breaker = CircuitBreaker("store", failures=2)
    breaker.failed("before")
    server = FailingServer(ValueError("absent"))
    with pytest.raises(ValueError, match="absent"):
        policy.run(server, is_connection_error, breaker)
    assert (server.calls, waits, breaker.failures) == (1, [], 0)


def test_attempts_open_the_breaker(policy: RetryPolicy, waits: list[float]) -> None:
    """Each failed attempt counts. Once the breaker is open, no attempt is made, and the error names the last reason."""
    breaker = CircuitBreaker("store", failures=2)
    server = FailingServer(*[ConnectionError(str(i)) for i in range(9)])
    with pytest.raises(
        CircuitOpenError, match=r"store is not used for \d+ s after 2 failures; the last: ConnectionError"
    ):
        policy.run(server, is_connection_error, breaker)
    assert (server.calls, waits, breaker.state) == (2, [2.0, 4.0], "open")
    with pytest.raises(RemoteUnavailableError):
        policy.run(server, is_connection_error, breaker, reason=str)
    assert server.calls == 2


def test_a_success_closes_a_half_open_breaker(policy: RetryPolicy) -> None:
    """A successful attempt is reported to the breaker."""
    now = [0.0]
    breaker = CircuitBreaker("store", failures=1, clock=lambda: now[0])
    breaker.failed("refused")
    now[0] = 60.0
    assert policy.run(FailingServer(), is_connection_error, breaker) == 42
    assert breaker.state == "closed"
