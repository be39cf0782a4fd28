"""The target's own distribution: values that stand out because somebody capped or rounded them, and rare classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

SPIKE_SHARE_MIN = 0.005
"""Rarer values are no spike, however much rarer their neighbours are."""
SPIKE_FACTOR = 4.0
"""How many times more frequent than the values around it a spike is."""
NEIGHBOURHOOD = 20
"""With how many distinct values on either side a value is compared."""
DISTINCT_MIN = 50
"""Below so many distinct values a target is a count or a grade, and every value of it is frequent."""


@dataclass(frozen=True)
class Spike:
    """A value that is far more frequent than the values near it."""

    value: float
    rows: int
    share: float
    end: str
    """``highest`` or ``lowest`` where the value is an end of the range, which a cap leaves; else empty."""


def find_spikes(values: ArrayLike) -> list[Spike]:
    """Find the spikes of a number, the most frequent first.

    A value is one that at least ``SPIKE_SHARE_MIN`` of the rows have, and ``SPIKE_FACTOR`` times as many as the mean of
    the distinct values near it.

    Args:
        values: numbers of shape (N,); NaN is left out.
    """
    given = np.asarray(values, dtype=np.float64)
    distinct, counts = np.unique(given[~np.isnan(given)], return_counts=True)
    total = int(counts.sum())
    if len(distinct) < DISTINCT_MIN:
        return []
    spikes = []
    for place in np.flatnonzero(counts >= max(2, SPIKE_SHARE_MIN * total)).tolist():
        near = np.concatenate(
            [counts[max(0, place - NEIGHBOURHOOD) : place], counts[place + 1 : place + 1 + NEIGHBOURHOOD]]
        )
        if counts[place] >= SPIKE_FACTOR * near.mean():
            end = "highest" if place == len(distinct) - 1 else "lowest" if place == 0 else ""
            spikes.append(Spike(float(distinct[place]), int(counts[place]), float(counts[place] / total), end))
    return sorted(spikes, key=lambda spike: (-spike.rows, spike.value))
