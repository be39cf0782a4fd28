"""Rows whose prediction interval or prediction set differs between the pipeline's answer and the graph's.

Both sides use the same table. Therefore two ends differ by no more than the two answers, unless the answers are on both sides of an
edge of the table: that row gets another interval, although its answers are equal within the limit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.tables.intervals import interval_ends, prediction_sets

ROUNDINGS = 4
"""The number of units in the last place by which the addition of an offset, and its comparison with an end, may round."""


def has_intervals(contract: Contract) -> bool:
    """Return whether an answer has a prediction interval or a prediction set."""
    return contract.output.interval is not None or contract.output.prediction_set is not None


def other_intervals(
    contract: Contract,
    rows: NDArray[np.float64],
    expected: NDArray[np.float64],
    graph_answers: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Return a mask of the rows with another interval or set, bool of shape (N,).

    Args:
        contract: the contract; without intervals and sets no row has another one.
        rows: the packed rows, shape (N, F).
        expected: the pipeline's answers, shape (N, W).
        graph_answers: the graph's answers, shape (N, W).
    """
    mask: NDArray[np.bool_] = np.zeros(len(rows), dtype=bool)
    if not len(rows) or not has_intervals(contract):
        return mask
    if contract.output.prediction_set is not None:
        mask |= np.any(prediction_sets(contract, expected) != prediction_sets(contract, graph_answers), axis=1)
        return mask
    # An answer that is not a finite number has no interval; the comparison of answers reports it.
    finite = np.isfinite(expected[:, 0]) & np.isfinite(graph_answers[:, 0])
    left, right = (interval_ends(contract, side[finite, 0], rows[finite]) for side in (expected, graph_answers))
    answer_distances = np.abs(expected[finite, 0] - graph_answers[finite, 0])[:, np.newaxis]
    size = np.maximum(np.abs(left), np.abs(right)) + np.abs(expected[finite])
    mask[finite] = np.any(np.abs(left - right) > answer_distances + ROUNDINGS * np.spacing(size), axis=1)
    return mask
