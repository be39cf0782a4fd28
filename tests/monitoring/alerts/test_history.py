"""Increases of counters over windows, against sums of all increases."""

from __future__ import annotations

import random

import pytest

from monitoring.alerts.history import LONG_SLOTS, History

DAY_S = 86_400.0


def test_windows_sum_their_increases() -> None:
    """A window of the past minutes, hours or days has the increases of its time, to within one slot."""
    generator = random.Random(1)
    history = History(["a", "b"])
    history.rebase({"a": 5.0})
    value, increases = 5.0, []
    for step in range(1, 3_000):
        increase = float(generator.randrange(100))
        value += increase
        increases.append((step * 60.0, increase))
        history.add(step * 60.0, {"a": value}, 60.0)
    now_s = increases[-1][0]
    for window_s, offset_s in ((300.0, 0.0), (3_600.0, 0.0), (DAY_S, 0.0), (3_600.0, DAY_S), (7_200.0, 3_600.0)):
        end_s = now_s - offset_s
        expected = sum(increase for time_s, increase in increases if end_s - window_s < time_s <= end_s)
        window_increase = history.increase("a", now_s, window_s, offset_s)
        assert window_increase == pytest.approx(expected, abs=6 * 100), (window_s, offset_s)
    assert history.increase("b", now_s, 300.0) is None


def test_an_unobserved_time_is_unknown() -> None:
    """A past window that was not observed has no increase, and neither has one before the oldest slot."""
    history = History(["a"])
    history.rebase({"a": 0.0})
    for time_s in (0.0, 10.0, DAY_S):
        history.add(time_s, {"a": time_s + 1}, 10.0)
    assert history.increase("a", DAY_S, 3_600.0, DAY_S / 2) is None
    assert history.increase("a", DAY_S, 3_600.0, 30 * DAY_S) is None
    assert history.increase("a", DAY_S, 3_600.0) is not None


def test_a_smaller_counter_adds_nothing() -> None:
    """A counter that became smaller starts again from there."""
    history = History(["a"])
    for time_s, value in ((0.0, 100.0), (10.0, 110.0), (20.0, 3.0), (30.0, 5.0)):
        history.add(time_s, {"a": value})
    assert history.increase("a", 30.0, 60.0) == 12.0


@pytest.mark.parametrize(("jump_s", "expected"), [(-600.0, 30.0), (-2 * DAY_S, 10.0), (20 * DAY_S, 10.0)])
def test_a_jump_of_the_clock_stops_nothing(jump_s: float, expected: float) -> None:
    """A small jump back keeps the history, a large one starts again, a jump forward leaves the past behind."""
    history = History(["a"])
    history.rebase({"a": 0.0})
    start_s = 1e9
    history.add(start_s, {"a": 10.0})
    history.add(start_s + 10, {"a": 20.0})
    now_s = start_s + 10 + jump_s
    history.add(now_s, {"a": 30.0})
    assert history.increase("a", now_s, 300.0) == expected
    assert history.increase("a", now_s, 3_600.0) == expected


def test_a_stored_history_fits_other_counters() -> None:
    """Counters that both have keep their past; damaged or foreign content is refused."""
    history = History(["a", "b"])
    history.rebase({"a": 0.0, "b": 0.0})
    history.add(1_000.0, {"a": 3.0, "b": 4.0})
    other = History(["c", "b"])
    state = history.state()
    other.restore(state)
    assert other.increase("b", 1_000.0, 60.0) == 4.0
    assert other.increase("c", 1_000.0, 60.0) is None
    state.rings[0].values = b"no zlib"
    with pytest.raises(ValueError, match="damaged"):
        other.restore(state)
    state.rings = []
    with pytest.raises(ValueError, match="other sizes"):
        other.restore(state)
    assert len(other.state().rings[1].values) < LONG_SLOTS
