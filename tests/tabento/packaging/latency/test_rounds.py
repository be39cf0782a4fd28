"""A disturbed machine does not move the figures of a model; a slow model does."""

from __future__ import annotations

import numpy as np
import pytest

from tabento.packaging.latency.rounds import Round, describe_disturbance, kept_rounds, summarise

QUIET_US = 8.0


def made_up(
    model_us: float, count: int = 40, *, runs: int = 50, reference_us: float = QUIET_US, waiting_share: float = 0.0
) -> list[Round]:
    """Return rounds of a model whose runs spread by a twentieth around a time."""
    generator = np.random.default_rng(0)
    return [
        Round(generator.normal(model_us, model_us / 20, runs).tolist(), reference_us, waiting_share)
        for _ in range(count)
    ]


def test_quiet_rounds_are_all_kept() -> None:
    """Figures are those of all runs, and mean and quantiles are in their order."""
    rounds = made_up(100)
    batch = summarise(1, rounds, QUIET_US)
    assert (batch.runs, batch.rounds, batch.discarded_rounds) == (2_000, 40, 0)
    assert batch.p50_us == pytest.approx(100, rel=0.02)
    assert batch.mean_us == pytest.approx(100, rel=0.02)
    assert batch.p95_us is not None
    assert batch.p50_us < batch.p95_us < batch.p99_us < 125


@pytest.mark.parametrize(
    "disturbed",
    [{"reference_us": 1.6 * QUIET_US}, {"waiting_share": 0.06}, {"reference_us": 80.0, "waiting_share": 0.9}],
)
def test_disturbed_rounds_are_discarded(disturbed: dict[str, float]) -> None:
    """If the reference is slow or the thread waits, the round does not count, however slow the model was in it."""
    quiet, busy = made_up(100, 20), made_up(5_000, 60, **disturbed)  # type: ignore[arg-type]
    mixed = [item for pair in zip(quiet, busy[:20], strict=True) for item in pair] + busy[20:]
    batch = summarise(1, mixed, QUIET_US)
    assert (batch.rounds, batch.discarded_rounds) == (80, 60)
    assert batch.p99_us == summarise(1, quiet, QUIET_US).p99_us


def test_slow_model_is_slow_in_quiet_rounds() -> None:
    """Nothing is discarded because the model itself is slow."""
    batch = summarise(1, made_up(5_000), QUIET_US)
    assert batch.discarded_rounds == 0
    assert batch.p99_us > 5_000


def test_the_quietest_rounds_remain_if_none_is_quiet() -> None:
    """A quarter is kept: those whose reference is fast, and of them those that waited least."""
    rounds = [Round([float(place)] * 10, QUIET_US, 0.9 - place / 100) for place in range(8)]
    assert [item.times_us[0] for item in kept_rounds(rounds, QUIET_US)] == [6.0, 7.0]
    slow = [Round([1.0], 100.0, 0.0), *rounds]
    assert slow[0] not in kept_rounds(slow, QUIET_US)


def test_single_interruptions_do_not_move_a_quantile() -> None:
    """A run that a neighbour lengthened in a few groups leaves the median over the groups as it was."""
    quiet = made_up(100)
    spoiled = [
        Round([*item.times_us[:-1], 9_000.0], item.reference_us, 0.0) if place % 8 == 0 else item
        for place, item in enumerate(quiet)
    ]
    assert summarise(1, spoiled, QUIET_US).p99_us == pytest.approx(summarise(1, quiet, QUIET_US).p99_us, rel=0.02)


def test_rows_that_are_slow_move_the_quantile() -> None:
    """If three of a hundred rows take a slow path, every group has them, and the 99% quantile says so."""
    rounds = [Round([100.0] * 97 + [900.0] * 3, QUIET_US, 0.0) for _ in range(10)]
    batch = summarise(1, rounds, QUIET_US)
    assert batch.p50_us == 100
    assert batch.p99_us == 900


@pytest.mark.parametrize("runs", [1, 2, 99, 101, 199])
def test_few_runs_are_one_group(runs: int) -> None:
    """A single run has figures, too."""
    batch = summarise(4, [Round([50.0] * runs, QUIET_US, 0.0)], QUIET_US)
    assert (batch.p50_us, batch.p99_us, batch.us_per_row, batch.runs) == (50.0, 50.0, 12.5, runs)


@pytest.mark.parametrize(
    ("busy", "disturbed"),
    [
        ({}, False),
        ({"waiting_share": 0.3}, True),
        ({"reference_us": 1.6 * QUIET_US}, True),
        ({"reference_us": 1.4 * QUIET_US}, False),
    ],
)
def test_disturbance_is_described(busy: dict[str, float], disturbed: bool) -> None:
    """Waiting, and rounds that were discarded, tell a disturbed machine from a quiet one."""
    rounds = {1: [*made_up(100, 10), *made_up(100, 30, **busy)], 2: made_up(150, 20, **busy)}  # type: ignore[arg-type]
    batches = [summarise(size, items, QUIET_US) for size, items in rounds.items()]
    disturbance = describe_disturbance(rounds, batches, "processor", 2)
    assert (disturbance.rounds, disturbance.attempts, disturbance.reference_quiet_us) == (60, 2, QUIET_US)
    assert disturbance.discarded_rounds == sum(batch.discarded_rounds for batch in batches)
    assert disturbance.disturbed is disturbed
    assert "60 rounds in 2 attempts" in disturbance.in_words()
