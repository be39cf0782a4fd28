"""Tests of the rows on which two versions differ most."""

from __future__ import annotations

import numpy as np

from rollout.shadow.worst_rows import MAX_WORST, WorstRow, WorstRows, merge_worst


def _row(difference: float, row: int, request_id: str = "r") -> WorstRow:
    return WorstRow(difference, request_id, row, "1", "2")


def test_the_worst_rows_of_many_batches_are_kept() -> None:
    """Of 1,000 rows in 10 batches, those of the largest differences are kept, the largest first."""
    differences = np.random.default_rng(5).permutation(1_000) / 1_000
    worst = WorstRows()
    for batch in range(10):
        part = differences[100 * batch : 100 * batch + 100]
        rows = [_row(difference, 100 * batch + index) for index, difference in enumerate(part.tolist())]
        worst.add(part, rows.__getitem__)
    largest = [row.difference for row in worst.rows()]
    assert largest == sorted(differences.tolist(), reverse=True)[:MAX_WORST]


def test_equal_rows_are_not_kept() -> None:
    """Rows without a difference are described by nobody."""
    worst = WorstRows()
    worst.add(np.zeros(5), lambda _: _row(0.0, 0))
    assert worst.rows() == []


def test_workers_rows_are_merged() -> None:
    """The worst rows of two workers are one list, and a row that both report is listed once."""
    first = [_row(index / 100, index, "a") for index in range(MAX_WORST)]
    second = [_row(index / 50, index, "b") for index in range(MAX_WORST)] + [first[-1]]
    merged = merge_worst([*first, *second])
    assert len(merged) == MAX_WORST
    assert [row.difference for row in merged] == sorted((row.difference for row in merged), reverse=True)
    assert merged.count(first[-1]) == 1
