"""The comparison of a contestant's answers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks.league.case import Case
from benchmarks.league.result import Outcome, compare
from tests.benchmarks.league.conftest import BINARY, NUMBER

MadeCases = tuple[dict[str, Case], dict[str, Outcome], Path]


def test_equal_numbers(made_cases: MadeCases) -> None:
    """The pipeline's own answers are exact."""
    case = made_cases[0][NUMBER]
    figures = compare(case, case.expected, None)
    assert figures["exact"]
    assert figures["worst"] == 0
    assert figures["rows"] == len(case.frame)


def test_a_number_that_is_off(made_cases: MadeCases) -> None:
    """One wrong plain row is counted, with its difference and its share."""
    case = made_cases[0][NUMBER]
    wrong = case.expected.copy()
    wrong[0] *= 1.01
    figures = compare(case, wrong, None)
    assert not figures["exact"]
    assert figures["worst"] == pytest.approx(0.01, rel=0.5)
    assert figures["noticed"] == 1 / len(case.frame)
    assert figures["noticed_plain"] == 1 / case.plain


def test_labels_in_another_type_are_the_same(made_cases: MadeCases) -> None:
    """The labels 1, '1' and 1.0 equal True; a label outside the classes is a different label."""
    case = made_cases[0][BINARY]
    labels = case.expected[:, 0]
    chances = case.expected[:, 1:]
    for kind in (bool, int, float):
        assert compare(case, labels.astype(kind), chances)["exact"]
    texts = np.array([str(int(label)) for label in labels], dtype=object)
    assert compare(case, texts, chances)["exact"]
    texts[3] = "2"
    assert compare(case, texts, chances)["flips"] == 1


def test_labels_alone(made_cases: MadeCases) -> None:
    """A contestant without probabilities is compared by its labels."""
    case = made_cases[0][BINARY]
    assert compare(case, case.expected[:, 0], None)["exact"]


def test_answers_of_a_wrong_shape_are_an_error(made_cases: MadeCases) -> None:
    """Too few answers or too many numbers are an error with the expected shape; NaN has an infinite difference."""
    case = made_cases[0][NUMBER]
    with pytest.raises(ValueError, match=r"expected .* answers, got 3"):
        compare(case, case.expected[:3], None)
    with pytest.raises(ValueError, match="shape"):
        compare(case, np.hstack([case.expected, case.expected]), None)
    figures = compare(case, np.full_like(case.expected, np.nan), None)
    assert figures["noticed"] == 1.0


def test_equal_infinite_answers_are_exact(made_cases: MadeCases) -> None:
    """If the pipeline itself returns an infinite number, the same number is exact."""
    case = made_cases[0][NUMBER]
    infinite = dataclasses.replace(case, expected=np.full_like(case.expected, np.inf))
    assert compare(infinite, infinite.expected, None)["exact"]
