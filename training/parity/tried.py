"""Rows that were tried on both sides, and the scale on which their answers are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from training.parity.branches import Compared
from training.parity.figures import differences
from training.parity.hostile_rows import Rows
from training.parity.report import Limits


@dataclass(frozen=True)
class Raised:
    """Rows on which the pipeline raises an error."""

    rows: Rows
    """Those that a client may send and for which the graph gives a finite answer: the service would answer them."""
    errors: tuple[str, ...]
    """The pipeline's error on each."""
    got: NDArray[np.float64]
    """The graph's answers, (N, W)."""
    by_both: int
    """How many more rows the service answers with an error as well, because the graph's answer is not finite."""
    unsendable: int
    """How many more rows no client can send: integers with a fraction."""


@dataclass
class Tried:
    """Rows of one kind with the answers of both."""

    rows: Rows
    expected: NDArray[np.float64]
    """The pipeline's answers, (N, W); a label's index first where there are labels."""
    got: NDArray[np.float64]
    """The graph's, (N, W)."""
    taken: dict[int, Any]
    """What the estimators with trees are given, by their identity."""
    branches: Compared
    """Which rows take another branch in at least one tree, and their leaves."""
    undecided: NDArray[np.bool_]
    """(N,) see ``training.parity.steadiness``."""
    cancelled: NDArray[np.bool_]
    """(N,) which rows differ by rounding, because large terms cancel; see ``training.parity.steadiness``."""
    distances: NDArray[np.float64]
    """(N,) how far a knife edge is from its row, infinity for all other rows; see ``training.parity.knife_edges``."""
    raised: Raised
    """Rows of the same kind that the pipeline does not answer."""

    @property
    def excused(self) -> NDArray[np.bool_]:
        """Which rows are counted by themselves: undecided ones, cancelled ones and knife edges, (N,)."""
        return np.asarray(self.undecided | self.cancelled | np.isfinite(self.distances))


@dataclass(frozen=True)
class Scale:
    """What differences are relative to, and how large they may be."""

    labels: int
    """How many columns of an answer are labels: 1 for a classification, else 0. They stand in front."""
    typical: NDArray[np.float64]
    """The mean magnitude of the pipeline's numbers on the test part, one per column behind the labels."""
    limits: Limits

    @classmethod
    def of(cls, expected: NDArray[np.float64], labels: int, limits: Limits) -> Self:
        """Take the scale from the pipeline's answers to the test part, shape (N, W)."""
        numbers = np.abs(expected[:, labels:])
        return cls(labels, np.where(np.isfinite(numbers), numbers, 0.0).mean(axis=0), limits)

    def apart(
        self, expected: NDArray[np.float64], got: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return absolute and relative differences of the numbers, (N, numbers), and which labels differ, (N,)."""
        absolute, relative = differences(expected[:, self.labels :], got[:, self.labels :], self.typical)
        flips = (expected[:, : self.labels] != got[:, : self.labels]).any(axis=1)
        return absolute, relative, flips
