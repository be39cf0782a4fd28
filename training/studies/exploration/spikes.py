"""Spikes of the target: values that are far more frequent than their neighbours, because the data was capped or rounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

SPIKE_SHARE_MIN = 0.005
"""The smallest share of the rows of a spike."""
SPIKE_FACTOR = 4.0
"""The ratio of a spike's count to the mean count of its neighbours."""
NEIGHBOURHOOD = 20
"""The number of distinct values on either side with which a value is compared."""
DISTINCT_MIN = 50
"""A target with fewer distinct values is a count or a grade: every value is frequent."""


@dataclass(frozen=True)
class Spike:
    """A value that is far more frequent than its neighbours."""

    value: float
    rows: int
    share: float
    end: str
    """``highest`` or ``lowest`` if the value is an end of the range, as after capping; else empty."""


def find_spikes(values: ArrayLike) -> list[Spike]:
    """Find the spikes of a number, the most frequent first.

    A spike has at least ``SPIKE_SHARE_MIN`` of the rows, and at least ``SPIKE_FACTOR`` times the mean count of the distinct values
    next to it.

    Args:
        values: numbers of shape (N,); NaN is omitted.
    """
    numbers = np.asarray(values, dtype=np.float64)
    distinct, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    total = int(counts.sum())
    if len(distinct) < DISTINCT_MIN:
        return []
    spikes = []
    for index in np.flatnonzero(counts >= max(2, SPIKE_SHARE_MIN * total)).tolist():
        neighbour_counts = np.concatenate(
            [counts[max(0, index - NEIGHBOURHOOD) : index], counts[index + 1 : index + 1 + NEIGHBOURHOOD]]
        )
        if counts[index] >= SPIKE_FACTOR * neighbour_counts.mean():
            end = "highest" if index == len(distinct) - 1 else "lowest" if index == 0 else ""
            spikes.append(Spike(float(distinct[index]), int(counts[index]), float(counts[index] / total), end))
    return sorted(spikes, key=lambda spike: (-spike.rows, spike.value))
