"""The clock of a start."""

from __future__ import annotations

import re

from serving.container.start_clock import StartClock, process_age_s


def test_the_age_of_a_process_grows() -> None:
    """The age is positive in a process that runs, and does not shrink."""
    first, second = process_age_s(), process_age_s()
    assert 0 < first <= second


def test_phases_add_up() -> None:
    """Each phase has its name and a duration; a phase that ends twice is counted once, with both durations."""
    clock = StartClock()
    for name in ("imports", "model", "imports"):
        clock.end_phase(name)
    assert list(clock.phases_s) == ["interpreter", "imports", "model"]
    assert all(duration_s >= 0 for duration_s in clock.phases_s.values())
    assert re.fullmatch(r"\d+ ms: interpreter [\d.]+ ms, imports [\d.]+ ms, model [\d.]+ ms", clock.describe())
