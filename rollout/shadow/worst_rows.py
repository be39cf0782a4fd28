"""The rows on which two versions differ most, with the ids of their requests, by which the log has the rows themselves."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_WORST = 20
"""The number of rows that are kept."""


class WorstRow(NamedTuple):
    """One row with both answers; ordered by the difference."""

    difference: float
    """See ``rollout.answers.AnswerForm.differences``."""
    request_id: str
    row: int
    """The index of the row in its request."""
    champion: str
    """The champion's answer."""
    challenger: str
    """The challenger's answer."""


class WorstRows:
    """Keeps the rows of the largest differences above 0."""

    def __init__(self) -> None:
        self._heap: list[WorstRow] = []
        self._known: set[tuple[str, int]] = set()

    def add(self, differences: NDArray[np.float64], describe: Callable[[int], WorstRow]) -> None:
        """Keep rows of a batch if they differ more than kept ones.

        Args:
            differences: of shape (N,).
            describe: returns the row of an index from 0 to N - 1; called for kept rows only.
        """
        heap = self._heap
        floor = heap[0].difference if len(heap) >= MAX_WORST else 0.0
        if not len(differences) or differences.max() <= floor:
            return
        order = np.argsort(-differences, kind="stable")[:MAX_WORST]
        for index in order.tolist():
            if differences[index] <= (heap[0].difference if len(heap) >= MAX_WORST else 0.0):
                return
            self.put(describe(index))

    def put(self, row: WorstRow) -> None:
        """Keep one row, and drop the one of the smallest difference if there are too many."""
        name = (row.request_id, row.row)
        if name in self._known:
            return
        self._known.add(name)
        if len(self._heap) < MAX_WORST:
            heapq.heappush(self._heap, row)
        else:
            dropped = heapq.heappushpop(self._heap, row)
            self._known.discard((dropped.request_id, dropped.row))

    def rows(self) -> list[WorstRow]:
        """Return the rows, the largest difference first."""
        return sorted(self._heap, reverse=True)


def merge_worst(rows: Iterable[WorstRow]) -> list[WorstRow]:
    """Return the worst rows of several workers, the largest difference first."""
    worst = WorstRows()
    for row in rows:
        worst.put(row)
    return worst.rows()
