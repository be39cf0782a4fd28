"""Tests of the circuit breaker, under a clock that the test moves."""

from __future__ import annotations

import threading

import pytest

from tabento.remote.circuit_breaker import FAILURES, OPEN_S, CircuitBreaker, State


class ManualClock:
    """A clock that moves only when the test moves it."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now_s


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that starts at 1000 s."""
    return ManualClock()


def open_breaker(clock: ManualClock) -> CircuitBreaker:
    """Return a breaker that has just opened."""
    breaker = CircuitBreaker("store", clock=clock)
    for _ in range(FAILURES):
        breaker.failed("refused")
    return breaker


def test_it_opens_after_five_failures_in_succession(clock: ManualClock) -> None:
    """Four failures change nothing, a success starts the count again, and the fifth failure in succession opens."""
    breaker = CircuitBreaker("store", clock=clock)
    for _ in range(FAILURES - 1):
        breaker.failed("refused")
    assert (breaker.state, breaker.failures, breaker.reason) == ("closed", 4, "refused")
    breaker.succeeded()
    assert (breaker.failures, breaker.reason) == (0, None)
    for _ in range(FAILURES):
        assert breaker.allows()
        breaker.failed("refused")
    assert breaker.state == "open"
    assert not breaker.allows()


def test_it_is_half_open_after_its_pause(clock: ManualClock) -> None:
    """An open breaker allows nothing for 60 s, and then one trial; the remaining seconds can be asked."""
    breaker = open_breaker(clock)
    clock.now_s += OPEN_S - 1
    assert not breaker.allows()
    assert (breaker.state, breaker.retry_after_s()) == ("open", 1.0)
    clock.now_s += 1
    assert (breaker.state, breaker.retry_after_s()) == ("half_open", 0.0)
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_a_successful_trial_closes_it(clock: ManualClock) -> None:
    """After a successful trial all calls are allowed, and the count of failures starts at 0."""
    breaker = open_breaker(clock)
    clock.now_s += OPEN_S
    assert breaker.allows()
    breaker.succeeded()
    assert (breaker.state, breaker.failures, breaker.reason) == ("closed", 0, None)
    assert [breaker.allows() for _ in range(3)] == [True, True, True]
    breaker.failed("refused")
    assert breaker.state == "closed"


def test_a_failed_trial_opens_it_again(clock: ManualClock) -> None:
    """One failed trial opens the breaker for another full pause, then the next trial is allowed."""
    breaker = open_breaker(clock)
    clock.now_s += OPEN_S
    assert breaker.allows()
    breaker.failed("no answer")
    assert (breaker.state, breaker.reason, breaker.since) == ("open", "no answer", clock.now_s)
    clock.now_s += OPEN_S - 1
    assert not breaker.allows()
    clock.now_s += 1
    assert breaker.allows()


def test_a_trial_without_a_result_lapses(clock: ManualClock) -> None:
    """The breaker allows another trial if the first one, such as that of a cancelled task, reports nothing for 60 s."""
    breaker = open_breaker(clock)
    clock.now_s += OPEN_S
    assert breaker.allows()
    clock.now_s += OPEN_S - 1
    assert not breaker.allows()
    clock.now_s += 1
    assert breaker.allows()


def test_late_results_of_an_open_breaker_change_nothing(clock: ManualClock) -> None:
    """Calls that began before the breaker opened neither close it nor extend its pause."""
    breaker = open_breaker(clock)
    opened_s = breaker.since
    clock.now_s += 30
    breaker.succeeded()
    breaker.failed("late")
    assert (breaker.state, breaker.since) == ("open", opened_s)


def test_the_listener_is_called_once_for_each_change(clock: ManualClock) -> None:
    """The listener receives each new state and may ask the breaker; a result without a change does not call it."""
    states: list[tuple[State, State]] = []
    breaker = CircuitBreaker("store", clock=clock, listener=lambda b, state: states.append((state, b.state)))
    for _ in range(FAILURES + 2):
        breaker.failed("refused")
    clock.now_s += OPEN_S
    assert breaker.allows()
    breaker.succeeded()
    breaker.succeeded()
    assert states == [("open", "open"), ("half_open", "half_open"), ("closed", "closed")]


def test_a_listener_that_raises_does_not_disturb_the_breaker(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The breaker logs an exception of its listener and changes its state nevertheless."""

    def fail(_breaker: CircuitBreaker, _state: State) -> None:
        raise RuntimeError("listener")

    breaker = CircuitBreaker("store", failures=1, clock=clock, listener=fail)
    breaker.failed("refused")
    assert breaker.state == "open"
    assert "the listener of the circuit breaker store failed" in caplog.text


def test_one_of_many_threads_makes_the_trial(clock: ManualClock) -> None:
    """If eight threads ask a half-open breaker at once, it allows exactly one trial, in each of 50 rounds."""
    breaker = open_breaker(clock)
    for _ in range(50):
        clock.now_s += OPEN_S
        barrier = threading.Barrier(8)
        allowed: list[bool] = []

        def ask_breaker(barrier: threading.Barrier = barrier, allowed: list[bool] = allowed) -> None:
            barrier.wait()
            allowed.append(breaker.allows())

        threads = [threading.Thread(target=ask_breaker) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(allowed) == [False] * 7 + [True]
        breaker.failed("refused")
