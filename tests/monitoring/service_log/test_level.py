"""The level of the service log changes for a time, and comes back."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from monitoring.service_log.level import LONGEST_S, LogLevel, LogLevelChange, apply_level
from tests.servers import wait_until


class Clock:
    """Seconds that a test sets."""

    now_s = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


@pytest.fixture
def applied() -> list[str]:
    """The levels that were applied."""
    return []


@pytest.fixture
def level(applied: list[str]) -> Iterator[LogLevel]:
    """The level of a process whose settings say ``info``."""
    level = LogLevel("info", applied.append, Clock())
    yield level
    level.reset()


def test_a_change_holds_for_its_time(level: LogLevel, applied: list[str]) -> None:
    """The remaining time is shown; a further change replaces the first, and the configured level ends it."""
    level.change(LogLevelChange("debug", 60.0))
    assert level.active() == LogLevelChange("debug", 60.0)
    level._clock.now_s += 20  # type: ignore[attr-defined]
    assert level.active() == LogLevelChange("debug", 40.0)
    level.change(LogLevelChange("error", 2 * LONGEST_S))
    assert level.active() == LogLevelChange("error", LONGEST_S)
    level.change(LogLevelChange("info", None))
    assert level.active() is None
    assert applied == ["debug", "error", "info"]


def test_the_configured_level_returns_by_itself(applied: list[str]) -> None:
    """When the time is over the configured level holds again, without a call."""
    level = LogLevel("warning", applied.append)
    level.change(LogLevelChange("debug", 0.01))
    wait_until(lambda: applied == ["debug", "warning"], "the level to return")
    assert level.active() is None


def test_a_forked_process_goes_on_without_the_timer(level: LogLevel, applied: list[str]) -> None:
    """A process that was forked while the timer's thread held the lock can change the level."""
    level.change(LogLevelChange("debug", 60.0))
    level._lock.acquire()
    level.forget_timer()
    level.change(LogLevelChange("info", None))
    assert applied[-1] == "info"
    assert level.active() is None


def test_libraries_stay_above_debug() -> None:
    """At ``debug`` the service's own loggers show everything; a library could repeat a request, and does not."""
    names = ("tabento", "bentoml", "uvicorn", "circus", "")
    before = {name: logging.getLogger(name).level for name in names}
    try:
        apply_level("debug")
        levels = [logging.getLogger(name).getEffectiveLevel() for name in (*names, "tabento.serving", "urllib3")]
        assert levels == [10, 20, 20, 30, 30, 10, 30]
        apply_level("error")
        assert {logging.getLogger(name).getEffectiveLevel() for name in names} == {40}
    finally:
        for name, number in before.items():
            logging.getLogger(name).setLevel(number)
