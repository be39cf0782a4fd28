"""The policies that are compared with the shipped policy follow their authors' descriptions."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.policies import Aimd, FixedDelay, Immediate, MeanRegression
from runners.costs import BatchCosts
from runners.policy import NO_DELAY

COSTS = BatchCosts(1024)


def test_immediate_runs_each_request_alone() -> None:
    """A batch starts immediately, with all rows of one request and no other rows."""
    policy = Immediate()
    assert policy.delay(30, 0.0, 0.0, COSTS) == NO_DELAY
    assert policy.batch_rows(30, 7, COSTS) == 7


def test_fixed_delay_waits_for_the_first_row_or_a_full_batch() -> None:
    """The wait is the remainder of the delay; it is zero once the delay is over or the batch is full."""
    policy = FixedDelay(0.002, 64)
    assert policy.delay(10, 0.0005, 0.0, COSTS) == pytest.approx(0.0015)
    assert policy.delay(10, 0.002, 0.0, COSTS) == 0.0
    assert policy.delay(10, 0.5, 0.0, COSTS) == 0.0
    assert policy.delay(64, 0.0, 0.0, COSTS) == 0.0
    assert policy.batch_rows(500, 1, COSTS) == 64


def test_aimd_grows_by_steps_until_the_objective_is_missed_then_shrinks_by_a_tenth() -> None:
    """The largest batch finds the size that just keeps the objective, and stays about there."""
    policy = Aimd(objective_s=0.010, max_batch_rows=1024)
    sizes = []
    for _ in range(300):
        rows = policy.batch_rows(10_000, 1, COSTS)
        sizes.append(rows)
        policy.observe(rows, rows * 0.0001, 0.0)
    assert sizes[:3] == [1, 3, 5]
    assert min(sizes[100:]) >= 85
    assert max(sizes) <= 103  # one step beyond the hundred rows that take ten milliseconds


def test_aimd_learns_nothing_from_batches_that_were_not_full() -> None:
    """A fast small batch has no information about a larger one; a slow small batch has."""
    policy = Aimd(objective_s=0.010, max_batch_rows=50, step_rows=60)
    policy.observe(1, 0.001, 0.0)
    assert policy.batch_rows(100, 1, COSTS) == 50
    policy.observe(10, 0.001, 0.0)
    assert policy.batch_rows(100, 1, COSTS) == 50
    policy.observe(10, 0.011, 0.0)
    assert policy.batch_rows(100, 1, COSTS) == 45


def test_aimd_never_falls_below_a_row() -> None:
    """However slow everything is."""
    policy = Aimd(objective_s=0.010, max_batch_rows=50)
    for _ in range(10):
        policy.observe(1, 1.0, 1.0)
    assert policy.batch_rows(100, 1, COSTS) == 1


def test_mean_regression_starts_from_the_maximum_latency() -> None:
    """A fifteenth of it a row and a thirtieth a batch, as in BentoML's optimiser; there is no wait."""
    policy = MeanRegression(0.030, 100)
    assert policy.slope_s == pytest.approx(0.002)
    assert policy.offset_s == pytest.approx(0.001)
    assert policy.delay(1, 0.0, 0.0, COSTS) == 0.0


def test_mean_regression_fits_a_line_through_the_means() -> None:
    """Least squares over the last batches, the first two left out, as numpy solves it."""
    policy = MeanRegression(0.030, 100)
    random = np.random.default_rng(3)
    rows = random.integers(1, 60, 42)
    seconds = 0.0005 + 0.00007 * rows + random.normal(0, 0.0001, 42)
    for count, took in zip(rows, seconds, strict=True):
        policy.observe(int(count), float(took), float(took) + 0.004)
    fitted = np.linalg.lstsq(np.column_stack([rows[2:], np.ones(40)]), seconds[2:], rcond=None)[0]
    assert [policy.slope_s, policy.offset_s] == pytest.approx(fitted.tolist())
    assert policy.wait_s == pytest.approx(0.004)


def test_mean_regression_of_equal_batches_is_the_solution_of_smallest_norm() -> None:
    """If the data do not determine slope and offset, the result is that of numpy's solver, which BentoML calls."""
    policy = MeanRegression(0.030, 100)
    for _ in range(12):
        policy.observe(8, 0.004, 0.004)
    fitted = np.linalg.lstsq(np.array([[8.0, 1.0]] * 10), np.full(10, 0.004), rcond=None)[0]
    assert [policy.slope_s, policy.offset_s] == pytest.approx(fitted.tolist())


def test_mean_regression_forgets_old_batches() -> None:
    """The line is fitted to the last fifty batches."""
    policy = MeanRegression(0.030, 100)
    for number in range(60):
        policy.observe(1 + number % 9, 0.5, 0.5)
    for number in range(100):
        policy.observe(1 + number % 9, 0.001 * (1 + number % 9), 0.1)
    assert policy.slope_s == pytest.approx(0.001)
    assert policy.offset_s == pytest.approx(0.0, abs=1e-9)


def test_mean_regression_waits_on_while_past_waits_were_longer() -> None:
    """Rows times (the newest's wait, a poll, a row's cost) against 0.95 of the mean wait, looking each millisecond."""
    policy = MeanRegression(0.030, 100)
    for number in range(20):
        policy.observe(1 + number % 5, 0.001 * (1 + number % 5), 0.001 * (1 + number % 5) + 0.010)
    assert policy.delay(2, 0.004, 0.001, COSTS) == 0.001  # 2 × 3 ms against 9.5 ms
    assert policy.delay(3, 0.004, 0.002, COSTS) == 0.0  # 3 × 4 ms
    assert policy.delay(100, 0.0, 0.0, COSTS) == 0.0
    assert policy.batch_rows(500, 1, COSTS) == 100
