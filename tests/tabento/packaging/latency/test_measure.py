"""The latency table is complete and consistent, and measuring leaves the process as it was."""

from __future__ import annotations

import gc
import time
from itertools import count

import numpy as np
import pytest

from tabento.packaging.latency import BATCH_SIZES, LatencyTable, measure_latency
from tabento.packaging.latency.measure import choose_clock
from tabento.packaging.latency.reference import open_reference
from tests.bundles import linear_model
from training.config import Gate
from training.gate import is_latency_undecided
from training.gate.limits import latency_checks

MODEL = linear_model(3).SerializeToString()
ROWS = np.arange(12.0).reshape(4, 3)


@pytest.fixture(scope="module")
def table() -> LatencyTable:
    """A small model measured for a moment."""
    return measure_latency(MODEL, ROWS, budget_s=0.05)


def test_table_has_every_batch_size(table: LatencyTable) -> None:
    """Each batch size is measured, however few rows there are to measure with."""
    assert tuple(batch.rows for batch in table.batches) == BATCH_SIZES


def test_figures_are_consistent(table: LatencyTable) -> None:
    """Times are positive, the p99 is no smaller than the median, and the cost per row is the median's share."""
    for batch in table.batches:
        assert 0 < batch.p50_us <= batch.p99_us
        assert batch.p95_us is not None
        assert batch.p50_us <= batch.p95_us <= batch.p99_us
        assert batch.mean_us is not None
        assert batch.mean_us > 0
        assert batch.us_per_row == pytest.approx(batch.p50_us / batch.rows)
        assert batch.runs >= 5


def test_rounds_and_reference_are_told(table: LatencyTable) -> None:
    """The table says how often and beside what it was measured."""
    assert table.disturbance is not None
    assert table.rounds >= 5
    assert table.disturbance.rounds == table.rounds * len(BATCH_SIZES)
    assert table.disturbance.attempts == 1
    assert 0 < table.disturbance.reference_quiet_us <= table.disturbance.reference_median_us
    assert 0 <= table.disturbance.waiting_share < 1


def test_measurement_is_repeated_while_it_leaves_something_undecided() -> None:
    """Each attempt adds rounds; after three it ends, and an answer in between ends it earlier."""
    round_counts: list[int] = []

    def undecided(table: LatencyTable) -> bool:
        assert table.disturbance is not None
        round_counts.append(table.rounds)
        return True

    table = measure_latency(MODEL, ROWS, batch_sizes=[1], budget_s=0.001, is_undecided=undecided)
    assert table.disturbance is not None
    assert table.disturbance.attempts == len(round_counts) == 3
    assert round_counts == sorted(round_counts)
    assert round_counts[2] >= 15
    once = measure_latency(MODEL, ROWS, batch_sizes=[1], budget_s=0.001, is_undecided=lambda _: False)
    assert once.disturbance is not None
    assert once.disturbance.attempts == 1


def test_slow_model_fails_on_a_busy_machine_too() -> None:
    """A time that no disturbance can explain is over its limit, whatever else the machine does meanwhile."""
    gate = Gate(single_row_p99_us_max=0.1)
    table = measure_latency(
        MODEL, ROWS, batch_sizes=[1], budget_s=0.001, is_undecided=lambda latency: is_latency_undecided(gate, latency)
    )
    assert table.judge(table.single_row_p99_us, 0.1) == "over"
    assert [check.name for check in latency_checks(gate, table) if not check.passed] == ["single_row_p99_us_max"]


def test_coarse_processor_clock_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the clock of processor time advances in steps of 15 ms, or not at all, the wall clock measures instead."""
    assert choose_clock()[0] in ("processor", "wall")
    ticks = count()
    monkeypatch.setattr(time, "thread_time_ns", lambda: next(ticks) // 50 * 15_625_000)
    assert choose_clock() == ("wall", time.perf_counter_ns)
    monkeypatch.setattr(time, "thread_time_ns", lambda: 0)
    assert choose_clock() == ("wall", time.perf_counter_ns)
    table = measure_latency(MODEL, ROWS, batch_sizes=[1], budget_s=0.001)
    assert table.disturbance is not None
    assert (table.disturbance.clock, table.disturbance.waiting_share) == ("wall", 0.0)
    assert table.batches[0].p50_us > 0


def test_reference_does_the_same_work_each_time() -> None:
    """It answers the same numbers in every process."""
    first, second = open_reference()(), open_reference()()
    np.testing.assert_array_equal(np.asarray(first), np.asarray(second))
    assert np.isfinite(np.asarray(first)).all()


def test_single_row_is_found(table: LatencyTable) -> None:
    """The gate's figure is that of the batch of one."""
    assert table.single_row_p99_us == table.batches[0].p99_us


def test_table_names_machine_and_versions(table: LatencyTable) -> None:
    """Figures without their machine mean nothing."""
    assert table.machine.cpu
    assert table.machine.cores >= 1
    assert table.versions.keys() == {"python", "numpy", "onnxruntime"}
    assert LatencyTable.model_validate_json(table.model_dump_json()) == table


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_left_as_it_was(enabled: bool) -> None:
    """Collection is off only while measuring."""
    try:
        if not enabled:
            gc.disable()
        measure_latency(MODEL, ROWS, batch_sizes=[1], budget_s=0.001)
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_garbage_collection_is_restored_after_an_error() -> None:
    """Rows that the model does not take leave nothing switched off."""
    with pytest.raises(Exception, match="dimensions"):
        measure_latency(MODEL, np.zeros((4, 2)), batch_sizes=[1], budget_s=0.001)
    assert gc.isenabled()


@pytest.mark.parametrize("rows", [np.empty((0, 3)), np.zeros(3)])
def test_rows_are_needed(rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    """Nothing can be measured without rows of the right shape."""
    with pytest.raises(ValueError, match=r"expected rows of shape \(N, F\)"):
        measure_latency(MODEL, rows)


def test_a_single_row_must_be_measured() -> None:
    """The gate needs the batch of one."""
    with pytest.raises(ValueError, match=r"start with 1, got \[2, 4\]"):
        measure_latency(MODEL, ROWS, batch_sizes=[2, 4])


def test_machine_is_named_where_linux_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc and without processor affinity Python's own knowledge has to do."""

    def missing(*arguments: object, **options: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr("pathlib.Path.read_text", missing)
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    machine = measure_latency(MODEL, ROWS, batch_sizes=[1], budget_s=0.001).machine
    assert machine.cpu
    assert machine.cores >= 1
