"""Attempts in a thread of their own: results, errors, and the end of an attempt that was given up."""

from __future__ import annotations

import threading

import pytest

from rollout.cascade.attempt import Attempt, AttemptCancelledError
from rollout.cascade.errors import TemporarySourceError


def test_the_result_and_the_error_of_the_call_are_passed_on() -> None:
    """An attempt returns what its call returns, and raises what it raises."""
    assert Attempt[int](lambda attempt: 3).run(10, 10) == 3

    def fail(attempt: Attempt[int]) -> int:
        raise KeyError("key")

    with pytest.raises(KeyError):
        Attempt(fail).run(10, 10)


def test_an_attempt_that_was_given_up_ends_at_its_next_step() -> None:
    """After the caller has given up, the thread of the attempt ends when its source sends something."""
    wake, is_finished = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def wait(attempt: Attempt[None]) -> None:
        wake.wait(30)
        try:
            attempt.step()
        except AttemptCancelledError as error:
            errors.append(error)
        is_finished.set()

    with pytest.raises(TemporarySourceError, match="nothing for 0"):
        Attempt(wait).run(30, 0.01)
    wake.set()
    assert is_finished.wait(30)
    assert len(errors) == 1
