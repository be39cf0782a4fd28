"""Rows with the answers of pipeline and graph, and the scale on which the answers are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tabento.parity.comparison.branches import ComparedLeaves
from tabento.parity.report import Limits
from tabento.parity.rows.hostile_rows import Rows
from tabento.parity.tolerances import differences


@dataclass(frozen=True)
class RaisedRows:
    """Rows on which the pipeline raises an error."""

    rows: Rows
    """The rows that a client can send and for which the graph gives a finite answer: the service would answer them."""
    errors: tuple[str, ...]
    """The pipeline's error on each row."""
    graph_answers: NDArray[np.float64]
    """The graph's answers, (N, W)."""
    by_both: int
    """The number of other rows that the service answers with an error as well, because the graph's answer is not finite."""
    unsendable: int
    """The number of other rows that no client can send: integers with a fraction."""


@dataclass
class ComparedRows:
    """Rows of one kind with both answers."""

    rows: Rows
    expected: NDArray[np.float64]
    """The pipeline's answers, (N, W); if there are labels, the index of the label is first."""
    graph_answers: NDArray[np.float64]
    """The graph's answers, (N, W)."""
    inputs: dict[int, Any]
    """The inputs of the estimators with trees, by the identity of the estimator."""
    branches: ComparedLeaves
    """The rows that take another branch in at least one tree, and their leaves."""
    undecided: NDArray[np.bool_]
    """(N,) the rows for which the pipeline itself has several answers, see ``tabento.parity.comparison.batch_sensitivity``."""
    is_cancellation: NDArray[np.bool_]
    """(N,) the rows that differ by rounding, because large terms cancel; see the same module."""
    distances: NDArray[np.float64]
    """(N,) the distance of a knife edge from its row, infinity for all other rows; see ``tabento.parity.comparison.knife_edges``."""
    raised: RaisedRows
    """The rows of this kind on which the pipeline raises an error."""

    @property
    def excluded(self) -> NDArray[np.bool_]:
        """The rows that are counted separately: undecided rows, cancelled rows and knife edges, (N,)."""
        return np.asarray(self.undecided | self.is_cancellation | np.isfinite(self.distances))


@dataclass(frozen=True)
class Scale:
    """The magnitudes that differences are relative to, and the limits of the differences."""

    labels: int
    """The number of labels in an answer. They are its first columns."""
    typical: NDArray[np.float64]
    """The mean magnitude of the pipeline's numbers on the test part, one per column after the labels."""
    limits: Limits

    @classmethod
    def from_answers(cls, expected: NDArray[np.float64], labels: int, limits: Limits) -> Self:
        """Compute the scale from the pipeline's answers to the test part, shape (N, W)."""
        numbers = np.abs(expected[:, labels:])
        return cls(labels, np.where(np.isfinite(numbers), numbers, 0.0).mean(axis=0), limits)

    def differences(
        self, expected: NDArray[np.float64], graph_answers: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return absolute and relative differences of the numbers, (N, numbers), and the mask of different labels, (N,)."""
        absolute, relative = differences(expected[:, self.labels :], graph_answers[:, self.labels :], self.typical)
        flips = (expected[:, : self.labels] != graph_answers[:, : self.labels]).any(axis=1)
        return absolute, relative, flips
