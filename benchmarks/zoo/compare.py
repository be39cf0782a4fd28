"""The differences between a graph's answers and a pipeline's, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.parity.tolerances import differences

NOTICED = 1e-4
"""The size of a difference that users notice: relative for numbers, absolute for probabilities."""


@dataclass(frozen=True)
class Difference:
    """The differences of N rows."""

    far: NDArray[np.float64]
    """float64 of shape (N,): the largest difference of a row, relative for numbers, absolute for probabilities, 0 if a
    classification answers labels only."""
    flips: NDArray[np.bool_] | None
    """bool of shape (N,): mask of the rows with another label; None for numbers."""

    @property
    def noticed(self) -> NDArray[np.bool_]:
        """Mask of the rows that differ by more than ``NOTICED`` or have another label: bool of shape (N,)."""
        exceeds = self.far > NOTICED
        return exceeds if self.flips is None else exceeds | self.flips


def compare(
    expected: NDArray[np.float64], graph_answers: NDArray[np.float64], contract: Contract, typical: NDArray[np.float64]
) -> Difference:
    """Compare answers as ``tabento.export.pipeline_answers.pipeline_answers`` shapes them.

    Args:
        expected: the pipeline's answers.
        graph_answers: the graph's answers.
        contract: the contract; it states whether column 0 contains labels.
        typical: a magnitude for each number of an answer. A relative difference is relative to at least this magnitude,
            so that a number next to zero does not make a small difference look large.

    Raises:
        ValueError: the shapes differ.
    """
    absolute, relative = differences(expected, graph_answers, typical)
    if contract.output.classes is None:
        return Difference(relative.reshape(len(relative), -1).max(axis=1, initial=0.0), None)
    return Difference(absolute[:, 1:].max(axis=1, initial=0.0), expected[:, 0] != graph_answers[:, 0])


def typical_magnitude(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean magnitude of each number of the answers, as in the proof."""
    return np.asarray(np.abs(answers).mean(axis=0), dtype=np.float64)
