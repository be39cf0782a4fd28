"""Faults of a whole monitored service: the benchmark's trials with less load, and its counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.monitored_load import Load
from benchmarks.monitoring_faults import FAULTS, markdown, run_fault, stored_model

SCRAPES = (
    'tabento_monitor_rows_total 10.0\ntabento_log_rows_total{result="dropped"} 3.0\ntabento_recorded_rows_total 12.0\n',
    "tabento_recorded_rows_total 13.0\n",
    'tabento_monitor_rows_total 2.0\ntabento_log_rows_total{result="dropped"} 1.0\ntabento_recorded_rows_total 20.0\n',
)
"""The metrics before a monitor is killed, while it is away, and of the next one."""


@pytest.fixture(scope="module")
def model() -> Iterator[tuple[Path, str]]:
    """A store with a small model."""
    with stored_model() as stored:
        yield stored


@pytest.mark.slow
@pytest.mark.parametrize("name", ["stop-monitor", "sigterm", "kill-all"])
def test_counts_add_up_after_a_fault(model: tuple[Path, str], name: str) -> None:
    """Answers, log, truths and health agree after a process hung, ended or was killed."""
    result = run_fault(name, *model, warm_s=1.0)
    assert result["failed"] == []
    assert result["lines"] > 0
    assert result["truths"] > 0
    assert FAULTS[name].title in markdown({"faults": [result]})


@pytest.mark.real_parts
@pytest.mark.parametrize("name", ["full-disk", "read-only", "postgres"])
def test_counts_add_up_after_a_fault_of_a_real_part(model: tuple[Path, str], name: str) -> None:
    """Answers, log, truths and health agree after a disk was full or read-only, and after Postgres was killed."""
    assert run_fault(name, *model, warm_s=1.0)["failed"] == []


def test_counters_continue_over_monitors() -> None:
    """The counts of a killed monitor are kept while it is away, and added to those of the next one."""
    load = Load("http://127.0.0.1:9", "t")
    totals = []
    for text in SCRAPES:
        load._add_series(text)
        totals.append((load.total("tabento_log_rows_total", '"dropped"'), load.total("tabento_recorded_rows_total")))
    assert totals == [(3, 12), (3, 13), (4, 20)]
