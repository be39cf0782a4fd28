"""Rounds: short stretches of runs, of which those that met a disturbed machine are discarded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tabento.packaging.latency.reference import NAME
from tabento.packaging.latency.table import BatchLatency, Disturbance

GROUP_RUNS = 100
"""Quantiles are computed in groups of so many runs, and the median over the groups is reported: what disturbs single
groups does not move it, and a model that is slow is slow in every group."""
REFERENCE_RATIO_MAX = 1.5
"""If the reference costs more than this multiple of its cost in the quietest round, the round is discarded."""
ROUND_WAITING_SHARE_MAX = 0.05
"""If the thread waits for a processor for more than this share of a round, the round is discarded: what runs in between
empties the caches."""
_KEPT_SHARE = 0.25
"""At least this share of the rounds is kept, the quietest ones."""


@dataclass(frozen=True)
class Round:
    """Some runs of one batch size, with the reference timed before and after them."""

    times_us: Sequence[float]
    """The time of each run in microseconds."""
    reference_us: float
    """The cost of the reference: the larger of the medians before and after the runs."""
    waiting_share: float
    """For which share of the round the thread waited for a processor."""


def kept_rounds(rounds: Sequence[Round], quiet_us: float) -> list[Round]:
    """Return the rounds in which the machine was quiet.

    Args:
        rounds: the rounds of one batch size, at least one.
        quiet_us: the cost of the reference in the quietest round of all batch sizes.

    Returns:
        The rounds in their order. If fewer than a quarter are quiet, the quietest quarter by the reference.
    """
    quiet = [
        item
        for item in rounds
        if item.reference_us <= REFERENCE_RATIO_MAX * quiet_us and item.waiting_share <= ROUND_WAITING_SHARE_MAX
    ]
    enough = int(np.ceil(_KEPT_SHARE * len(rounds)))
    if len(quiet) >= enough:
        return quiet
    ranked = sorted(rounds, key=lambda item: (item.reference_us > REFERENCE_RATIO_MAX * quiet_us, item.waiting_share))
    selected_ids = {id(item) for item in ranked[:enough]}
    return [item for item in rounds if id(item) in selected_ids]


def summarise(size: int, rounds: Sequence[Round], quiet_us: float) -> BatchLatency:
    """Return the times of one batch size over its quiet rounds; arguments: see ``kept_rounds``."""
    quiet_rounds = kept_rounds(rounds, quiet_us)
    times = np.concatenate([np.asarray(item.times_us, dtype=np.float64) for item in quiet_rounds])
    groups = _groups(times)
    p50_us, p95_us, p99_us = (
        float(np.median([np.quantile(group, share) for group in groups])) for share in (0.5, 0.95, 0.99)
    )
    return BatchLatency(
        rows=size,
        mean_us=float(np.median([group.mean() for group in groups])),
        p50_us=p50_us,
        p95_us=p95_us,
        p99_us=p99_us,
        us_per_row=p50_us / size,
        runs=len(times),
        rounds=len(rounds),
        discarded_rounds=len(rounds) - len(quiet_rounds),
    )


def _groups(times: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Cut runs into groups of ``GROUP_RUNS`` runs or a few more; fewer runs than two groups stay together."""
    return np.array_split(times, max(1, len(times) // GROUP_RUNS))


def describe_disturbance(
    rounds: Mapping[int, Sequence[Round]],
    batches: Sequence[BatchLatency],
    clock: Literal["processor", "wall"],
    attempts: int,
) -> Disturbance:
    """Return how quiet the machine was.

    Args:
        rounds: the rounds by batch size.
        batches: what ``summarise`` made of them.
        clock: by which the runs were timed.
        attempts: how often the measurement was made.
    """
    every = [item for items in rounds.values() for item in items]
    costs = [item.reference_us for item in every]
    return Disturbance(
        clock=clock,
        attempts=attempts,
        rounds=len(every),
        discarded_rounds=sum(batch.discarded_rounds for batch in batches),
        reference=NAME,
        reference_quiet_us=min(costs),
        reference_median_us=float(np.median(costs)),
        waiting_share=float(np.mean([item.waiting_share for item in every])),
    )
