"""How far a graph's answers lie from a pipeline's, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.contract import Contract
from training.parity.figures import differences

NOTICED = 1e-4
"""A difference beyond this is one that people notice: relative for numbers, absolute for probabilities."""


@dataclass(frozen=True)
class Difference:
    """The differences of N rows."""

    far: NDArray[np.float64]
    """float64 of shape (N,): the largest of a row, relative for numbers, absolute for probabilities, 0 where a
    classification answers labels only."""
    flips: NDArray[np.bool_] | None
    """bool of shape (N,): where the label differs; None for numbers."""

    @property
    def noticed(self) -> NDArray[np.bool_]:
        """Where a row is off by more than ``NOTICED`` or has another label: bool of shape (N,)."""
        beyond = self.far > NOTICED
        return beyond if self.flips is None else beyond | self.flips


def compare(
    expected: NDArray[np.float64], got: NDArray[np.float64], contract: Contract, typical: NDArray[np.float64]
) -> Difference:
    """Compare answers as ``training.parity.answers.pipeline_answers`` shapes them.

    Args:
        expected: the pipeline's.
        got: the graph's.
        contract: says whether there are labels in column 0.
        typical: what a relative difference is at least taken of, so that a number next to zero does not make any
            difference look large: a magnitude for each number that is answered.

    Raises:
        ValueError: the shapes are not the same.
    """
    absolute, relative = differences(expected, got, typical)
    if contract.output.classes is None:
        return Difference(relative.reshape(len(relative), -1).max(axis=1, initial=0.0), None)
    return Difference(absolute[:, 1:].max(axis=1, initial=0.0), expected[:, 0] != got[:, 0])


def typical_magnitude(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean magnitude of each number of some answers, as the proof takes it."""
    return np.asarray(np.abs(answers).mean(axis=0), dtype=np.float64)
