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
