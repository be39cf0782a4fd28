"""The search finds the capacity of servers whose capacity is known."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.process import BenchmarkError
from benchmarks.search import QUERIES_LEAST, RUN_S_MOST, STEPS_DOWN, Capacity, Measure, find_capacity
from tests.benchmarks.known_server import KnownRun, KnownServer

SLO_S = 0.010


def find(measure: Measure, start_per_s: float = 1000, **options: Any) -> Capacity:
    """Search in silence."""
    return find_capacity(measure, SLO_S, start_per_s, 5.0, say=lambda line: None, **options)


@pytest.mark.parametrize("start_per_s", [50, 1000, 7000, 100_000])
def test_finds_the_rate_from_any_start(start_per_s: float) -> None:
    """Whether the start is far below or far above, the rate is found from below, within the tolerance."""
    capacity = find(KnownServer(lambda rate, run: rate <= 7300), start_per_s)
    assert capacity.rate_per_s is not None
    assert 7300 / 1.03 <= capacity.rate_per_s <= 7300
    assert capacity.limited_by == "server"
    assert [attempt.phase for attempt in capacity.attempts].count("confirm") == 1


def test_runs_can_be_repeated() -> None:
    """Each run has a seed of its own, counted from the first, and the same search asks the same."""
    first, repeated = KnownServer(lambda rate, run: rate <= 500), KnownServer(lambda rate, run: rate <= 500)
    find(first, seed=40)
    find(repeated, seed=40)
    assert first.runs == repeated.runs
    assert [seed for _, _, seed in first.runs] == list(range(40, 40 + len(first.runs)))


def test_low_rates_run_longer() -> None:
    """A run has enough queries for the test to be fair, within a limit; the confirmation is longer still."""
    server = KnownServer(lambda rate, run: rate <= 100)
    find(server, 10.0)
    assert all(seconds == max(5.0, min(QUERIES_LEAST / rate, RUN_S_MOST)) for rate, seconds, _ in server.runs[:-1])
    fast = KnownServer(lambda rate, run: rate <= 10_000)
    find(fast)
    assert fast.runs[-1][1] == 15.0


def test_a_void_run_is_repeated_once() -> None:
    """One late run of the generator is not held against the server."""
    capacity = find(KnownServer(lambda rate, run: rate <= 7300, lambda run: 0.0 if run == 2 else 1e9))
    assert [attempt.void for attempt in capacity.attempts].count(True) == 1
    assert capacity.attempts[2].rate_per_s == capacity.attempts[3].rate_per_s
    assert capacity.rate_per_s is not None
    assert capacity.rate_per_s > 7300 / 1.03


def test_the_generators_limit_is_said_to_be_its_own() -> None:
    """If runs stay void, the rate is the generator's limit, and the result reports it."""
    capacity = find(KnownServer(lambda rate, run: True, lambda run: 50_000.0))
    assert capacity.limited_by == "generator"
    assert capacity.rate_per_s is not None
    assert 50_000 / 1.03 <= capacity.rate_per_s <= 50_000
    assert "void" in [run["outcome"] for run in capacity.to_json()["runs"]]


def test_a_busy_machine_ends_the_search() -> None:
    """A generator that is also late at low rates is an error about a busy machine, not a false limit."""
    server = KnownServer(lambda rate, run: True, lambda run: 0.0)
    with pytest.raises(BenchmarkError, match=r"late at 3 rates in a row, down to 250/s\. The machine is not quiet"):
        find(server)
    assert len(server.runs) == 6


def test_a_lower_percentile_allows_more_late_answers() -> None:
    """A server that is late for 3% of its answers keeps a p95 and misses the p99; a higher percentile needs more queries."""

    def measure(rate_per_s: float, seconds: float, seed: int) -> KnownRun:
        run = KnownRun(0.001, int(rate_per_s * seconds), True)
        run.latencies_s()[:: 100 // 3] = 0.1
        return run

    def rate(percentile: float) -> float | None:
        return find_capacity(
            measure, 0.01, 1_000, 5.0, most_per_s=1_000, percentile=percentile, say=lambda line: None
        ).rate_per_s

    assert rate(0.95) == 1_000
    assert rate(0.99) is None
    server = KnownServer(lambda rate_per_s, _: True)
    find_capacity(server, 0.01, 1_000, 1.0, most_per_s=1_000, percentile=0.999, say=lambda line: None)
    assert server.runs[0][1] == pytest.approx(20.0)


def test_a_failed_confirmation_goes_down_by_steps() -> None:
    """A rate that the longer run does not hold is lowered by 3% until one does."""
    server = KnownServer(lambda rate, run: rate <= (7300 if run < 9 else 7000))
    capacity = find(server)
    confirmations = [attempt for attempt in capacity.attempts if attempt.phase == "confirm"]
    assert [attempt.passed for attempt in confirmations] == [False] * (len(confirmations) - 1) + [True]
    assert len(confirmations) > 1
    assert capacity.rate_per_s == confirmations[-1].rate_per_s == pytest.approx(7000, rel=0.03)


def test_no_rate_is_an_answer() -> None:
    """A server that is always late, and one that never holds a long run, have no capacity."""
    assert find(KnownServer(lambda rate, run: False)).rate_per_s is None
    short_only = KnownServer(lambda rate, run: rate <= 7300 and run < 9)
    capacity = find(short_only)
    assert capacity.rate_per_s is None
    assert [attempt.phase for attempt in capacity.attempts].count("confirm") >= STEPS_DOWN + 1
    assert capacity.to_json()["qps"] is None


def test_the_highest_rate_is_a_limit_of_the_search() -> None:
    """A server that holds all that is tried is reported as limited by the search."""
    capacity = find(KnownServer(lambda rate, run: True), most_per_s=3000)
    assert (capacity.rate_per_s, capacity.limited_by) == (3000, "search")


def test_a_second_try_forgives_a_hiccup() -> None:
    """With two tries a rate that fails once and then passes counts as held."""
    hiccup = KnownServer(lambda rate, run: rate <= 7300 and run != 1)
    capacity = find(hiccup, tries=2)
    assert capacity.rate_per_s is not None
    assert capacity.rate_per_s > 7300 / 1.03


def test_progress_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Each run is one line on standard error, with its rate and its outcome."""
    capacity = find_capacity(KnownServer(lambda rate, run: rate <= 2000), SLO_S, 1000, 5.0)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(capacity.attempts)
    assert lines[0].startswith("search 1,000/s for 5 s:")
    assert lines[0].endswith("passes")


def test_impossible_figures_are_refused() -> None:
    """A search without time, rate or tolerance is an error."""
    with pytest.raises(ValueError, match="expected slo_s, start_per_s, seconds and tolerance above 0"):
        find(KnownServer(lambda rate, run: True), 0.0)
