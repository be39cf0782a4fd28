"""The counts of a shadow: the answers of both versions to the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

DIFFERENCE_BOUNDS: tuple[float, ...] = tuple(10.0 ** (power / 4) for power in range(-36, 9))
"""The upper bounds of the bins of relative differences, from 1e-9 to 100: four in each decade."""
DIFFERENCE_BINS = len(DIFFERENCE_BOUNDS) + 1

Floats = NDArray[np.float64]


@dataclass(slots=True)
class PairCounts:
    """Rows that both versions answered."""

    compared: int = 0
    """The rows that both versions answered."""
    differing: int = 0
    """The rows with another label, or with a difference above the limit."""
    flips: int = 0
    """The rows with another label."""
    differences: list[int] = field(default_factory=lambda: [0] * DIFFERENCE_BINS)
    """The histogram of the largest relative difference of each row, on ``DIFFERENCE_BOUNDS``."""
    difference_sum: float = 0.0
    """The sum of these differences, each counted as at most ``DIFFERENCE_BOUNDS[-1]``."""
    difference_squares: float = 0.0
    """The sum of their squares."""

    def observe(self, differences: Floats, flips: NDArray[np.bool_], limit: float) -> NDArray[np.bool_]:
        """Count rows, and return which of them differ, shape (N,).

        Args:
            differences: the largest difference of each row, shape (N,), see ``relative_differences``; NaN counts as the largest.
            flips: whether the row has another label, shape (N,).
            limit: the difference above which a row differs.
        """
        capped = np.minimum(np.nan_to_num(differences, nan=np.inf, posinf=np.inf), DIFFERENCE_BOUNDS[-1])
        differs: NDArray[np.bool_] = flips | (capped > limit)
        bins = np.bincount(
            np.searchsorted(DIFFERENCE_BOUNDS, np.nan_to_num(differences, nan=np.inf, posinf=np.inf), side="left"),
            minlength=DIFFERENCE_BINS,
        )
        self.compared += len(differences)
        self.differing += int(np.count_nonzero(differs))
        self.flips += int(np.count_nonzero(flips))
        self.differences = [a + int(b) for a, b in zip(self.differences, bins, strict=True)]
        self.difference_sum += float(capped.sum())
        self.difference_squares += float((capped * capped).sum())
        return differs

    @property
    def differing_share(self) -> float | None:
        """The share of rows that differ; None without rows."""
        return self.differing / self.compared if self.compared else None

    @property
    def mean_difference(self) -> float | None:
        """The mean relative difference; None without rows."""
        return self.difference_sum / self.compared if self.compared else None

    def quantile(self, level: float) -> float | None:
        """Return the upper bound of the bin with a quantile of the differences; None without rows."""
        if not self.compared:
            return None
        index = int(np.searchsorted(np.cumsum(self.differences), level * self.compared, side="left"))
        return DIFFERENCE_BOUNDS[min(index, len(DIFFERENCE_BOUNDS) - 1)]

    def add(self, other: Self) -> None:
        """Add the counts of another worker."""
        self.compared += other.compared
        self.differing += other.differing
        self.flips += other.flips
        self.differences = [a + b for a, b in zip(self.differences, other.differences, strict=True)]
        self.difference_sum += other.difference_sum
        self.difference_squares += other.difference_squares

    def since(self, earlier: Self) -> Self | None:
        """Return the counts since an earlier state; None if a count is smaller than then, because a worker has restarted."""
        rest = type(self)(
            compared=self.compared - earlier.compared,
            differing=self.differing - earlier.differing,
            flips=self.flips - earlier.flips,
            differences=[a - b for a, b in zip(self.differences, earlier.differences, strict=True)],
            difference_sum=max(self.difference_sum - earlier.difference_sum, 0.0),
            difference_squares=max(self.difference_squares - earlier.difference_squares, 0.0),
        )
        return None if min(rest.compared, rest.differing, rest.flips, *rest.differences) < 0 else rest

    def copy(self) -> Self:
        """Return an independent copy."""
        copy = type(self)()
        copy.add(self)
        return copy

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON."""
        return {
            "compared": self.compared,
            "differing": self.differing,
            "flips": self.flips,
            "differences": list(self.differences),
            "difference_sum": self.difference_sum,
            "difference_squares": self.difference_squares,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the counts of ``to_json``.

        Raises:
            ValueError: a key is missing or unknown, or the histogram has another number of bins.
        """
        try:
            pairs = cls(**value)
            n_bins = len(pairs.differences)
        except TypeError as error:
            raise ValueError(f"Expected the counts of compared rows: {error}.") from None
        if n_bins != DIFFERENCE_BINS:
            raise ValueError(f"Expected {DIFFERENCE_BINS} bins of differences, got {n_bins}.")
        return pairs


def merge_pairs(pairs: Iterable[PairCounts]) -> PairCounts:
    """Return the sum of the counts of several workers."""
    total = PairCounts()
    for counts in pairs:
        total.add(counts)
    return total


def relative_differences(champion: Floats, challenger: Floats) -> Floats:
    """Return |a - b| / max(|a|, |b|) for answers of shape (N,) or (N, W); 0 for equal ones, also for two NaN.

    A difference from NaN or infinity is infinite.
    """
    scale = np.maximum(np.abs(champion), np.abs(challenger))
    with np.errstate(invalid="ignore", divide="ignore"):
        differences = np.abs(champion - challenger) / scale
    is_equal = (champion == challenger) | (np.isnan(champion) & np.isnan(challenger))
    differences[is_equal] = 0.0
    return np.where(np.isnan(differences), np.inf, differences)


def count_answers(answers: Floats, edges: Sequence[float] | None, n_bins: int) -> list[int]:
    """Return the histogram of a column of answers.

    Args:
        answers: the answers of shape (N,): numbers, or indices of labels.
        edges: the inner edges of the bins of a number, ascending; None for labels.
        n_bins: the number of labels, or of edges plus one.
    """
    if edges is None:
        bins = np.bincount(np.clip(answers, 0, n_bins - 1).astype(np.intp), minlength=n_bins)
    else:
        bins = np.bincount(np.searchsorted(np.asarray(edges), answers, side="left"), minlength=n_bins)
    return [int(count) for count in bins]
