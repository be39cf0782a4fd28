"""Comparing a contestant's answers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks.league.case import Case
from benchmarks.league.result import Outcome, compare
from tests.benchmarks.league.conftest import BINARY, NUMBER

Made = tuple[dict[str, Case], dict[str, Outcome], Path]


def test_equal_numbers(made: Made) -> None:
    """The pipeline's own answers are exact."""
    case = made[0][NUMBER]
    found = compare(case, case.expected, None)
    assert found["exact"]
    assert found["worst"] == 0
    assert found["rows"] == len(case.frame)


def test_a_number_that_is_off(made: Made) -> None:
    """One plain row that is off is found, with its size and its share."""
    case = made[0][NUMBER]
    wrong = case.expected.copy()
    wrong[0] *= 1.01
    found = compare(case, wrong, None)
    assert not found["exact"]
    assert found["worst"] == pytest.approx(0.01, rel=0.5)
    assert found["noticed"] == 1 / len(case.frame)
    assert found["noticed_plain"] == 1 / case.plain


def test_labels_in_another_type_are_the_same(made: Made) -> None:
    """Libraries give 1, '1' or 1.0 for True; a label that is none of the classes counts as another one."""
    case = made[0][BINARY]
    labels = case.expected[:, 0]
    chances = case.expected[:, 1:]
    for kind in (bool, int, float):
        assert compare(case, labels.astype(kind), chances)["exact"]
    named = np.array([str(int(label)) for label in labels], dtype=object)
    assert compare(case, named, chances)["exact"]
    named[3] = "2"
    assert compare(case, named, chances)["flips"] == 1


def test_labels_alone(made: Made) -> None:
    """A contestant without probabilities is compared by its labels."""
    case = made[0][BINARY]
    assert compare(case, case.expected[:, 0], None)["exact"]


def test_what_is_no_answer(made: Made) -> None:
    """Too few answers, or too many numbers, are an error that says what was expected; NaN is infinitely far off."""
    case = made[0][NUMBER]
    with pytest.raises(ValueError, match=r"expected .* answers, got 3"):
        compare(case, case.expected[:3], None)
    with pytest.raises(ValueError, match="shape"):
        compare(case, np.hstack([case.expected, case.expected]), None)
    found = compare(case, np.full_like(case.expected, np.nan), None)
    assert found["noticed"] == 1.0


def test_missing_where_missing_is_right(made: Made) -> None:
    """Where the pipeline itself answers an infinite number, the same one is no difference."""
    case = made[0][NUMBER]
    infinite = dataclasses.replace(case, expected=np.full_like(case.expected, np.inf))
    assert compare(infinite, infinite.expected, None)["exact"]
