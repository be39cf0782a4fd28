"""Rungs are quarters of a whole."""

from __future__ import annotations

import itertools

import pytest

from training.studies.sweep.rungs import REDUCTION, RUNGS, amount_at


@pytest.mark.parametrize(
    ("full", "expected"), [(100, (25, 50, 100)), (5, (2, 3, 5)), (1, (1, 1, 1)), (30, (8, 15, 30))]
)
def test_amounts(full: int, expected: tuple[int, ...]) -> None:
    """A part is rounded up, and the last rung is complete."""
    assert tuple(amount_at(rung, full) for rung in RUNGS) == expected


def test_rungs_grow_by_the_reduction() -> None:
    """Each rung is twice the previous one."""
    assert all(after == REDUCTION * before for before, after in itertools.pairwise(RUNGS))
