"""The figures of a run, on records written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.loadgen.result import ABANDONED, FAILED, PROMPT, WRONG, LoadResult, quantiles

MS = 1_000_000


def result(*records: tuple[int, int, int, int, int, int]) -> LoadResult:
    """Return a run of half a second from (scheduled, taken, sent, done in ms, status, flags)."""
    columns = np.array(records, dtype=np.int64).T
    scheduled, noticed_ms, sent_ms, done_ms = columns[:4] * MS
    status, flags = columns[4].astype(np.int32), columns[5].astype(np.uint32)
    return LoadResult(scheduled, noticed_ms, sent_ms, done_ms, status, flags, 0.5, 8, {"reopened": 1})


def test_each_outcome_is_counted_once() -> None:
    """Answered, wrong, refused, failed, abandoned, unanswered and never sent requests are counted separately."""
    run = result(
        (0, 0, 0, 4, 200, PROMPT),
        (10, 10, 10, 30, 200, PROMPT),
        (20, 20, 20, 21, 200, PROMPT | WRONG),
        (30, 30, 30, 32, 503, PROMPT),
        (40, 40, 40, 0, 0, PROMPT | FAILED),
        (50, 50, 50, 0, 0, PROMPT | ABANDONED),
        (60, 60, 60, 0, 0, PROMPT),
        (70, 70, 0, 0, 0, 0),
    )
    assert run.latencies_s().tolist() == [0.004, 0.02, *[float("inf")] * 5]
    summary = run.summary(0.010)
    assert summary["answered"] == {"200": 3, "503": 1}
    outcomes = ("wrong", "failed", "abandoned", "unanswered", "within_slo", "scheduled")
    assert [summary[name] for name in outcomes] == [1, 1, 1, 2, 1, 8]
    assert summary["within_slo_share"] == pytest.approx(1 / 7, abs=1e-5)
    assert (summary["rate_per_s"], summary["goodput_per_s"]) == (16, 2)
    assert (summary["accepted_ms"]["max"], summary["refused_ms"]["p50"], summary["reopened"]) == (20, 2, 1)


def test_a_late_generator_voids_the_run() -> None:
    """A p99 lag above a tenth of the SLO makes a run void, and so does a run without arrivals."""
    late = result(*[(start, start + 2, start + 2, start + 3, 200, PROMPT) for start in range(50)])
    assert late.lag_s().tolist() == [0.002] * 50
    assert late.valid(0.020)
    assert not late.valid(0.019)
    assert not result((10, 0, 0, 0, 0, 0)).valid(1.0)


def test_waiting_for_a_connection_is_no_lag() -> None:
    """The server is responsible for a request that was noticed in time and sent late because no connection was free."""
    assert result((5, 5, 400, 401, 200, 0)).lag_s().tolist() == [0.0]


def test_timeline_has_every_interval() -> None:
    """Arrivals are put down to the interval in which they were due; an interval without answers has no quantiles."""
    run = result((0, 0, 0, 4, 200, 1), (5, 5, 5, 305, 200, 1), (250, 250, 250, 0, 0, 1))
    assert run.timeline(0.010, bin_s=0.1) == [
        {"from_s": 0.0, "scheduled": 2, "within_slo": 1, "p50_ms": 152.0, "p99_ms": 297.04},
        {"from_s": 0.1, "scheduled": 0, "within_slo": 0, "p50_ms": None, "p99_ms": None},
        {"from_s": 0.2, "scheduled": 1, "within_slo": 0, "p50_ms": None, "p99_ms": None},
    ]


def test_quantiles_of_nothing_are_none() -> None:
    """An empty set has no quantiles; a full one has them by name."""
    assert quantiles(np.array([])) is None
    assert quantiles(np.arange(1001.0)) == {"p50": 500, "p90": 900, "p99": 990, "p99.9": 999, "max": 1000}
