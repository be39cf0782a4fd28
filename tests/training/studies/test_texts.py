"""Tests of the texts that studies and reports share."""

from __future__ import annotations

import json

import pytest

from training.studies.texts import format_distinct, format_json, format_percent, format_score, format_short, truncate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.1235"),
        (-118.5, "-118.5"),
        (1250.4, "1,250"),
        (125000.0, "125k"),
        (1.25e6, "1.25M"),
        (3e15, "3e+15"),
        (0.0, "0"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_a_number_is_written_short(value: float | None, text: str) -> None:
    """A number has at most four digits, and a missing number is a dash."""
    assert format_short(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0"), (0.00012, "0.012%"), (0.034, "3.4%"), (0.2, "20%"), (0.9996, "99.96%"), (1.0, "100%"), (None, "–")],
)
def test_a_share_is_written_as_a_percentage(share: float | None, text: str) -> None:
    """A small share has two digits, and a share just below 1 is not rounded to 100%."""
    assert format_percent(share) == text


def test_close_numbers_get_different_texts() -> None:
    """Edges of bins that differ in the fifth digit get five digits."""
    assert format_distinct([-118.31, -118.32]) == ["-118.31", "-118.32"]
    assert format_distinct([1.0, 2.0]) == ["1", "2"]


def test_nearly_equal_numbers_get_different_texts() -> None:
    """Nearly equal numbers get more digits than usual."""
    left, right = format_distinct([1.00000000001, 1.00000000002])
    assert left != right


def test_long_text_is_cut() -> None:
    """A name that is too long for an axis ends in an ellipsis."""
    assert truncate("abcdef", 4) == "abc…"
    assert truncate("abc", 4) == "abc"


def test_scores_have_five_digits() -> None:
    """Five significant digits are enough for both a price and a probability."""
    assert format_score(39750.26) == "39,750"
    assert format_score(0.870312) == "0.87031"


def test_non_finite_numbers_become_null() -> None:
    """NaN and infinity become null."""
    assert json.loads(format_json({"a": float("nan"), "b": [float("inf"), 1.5], "c": (1, "x")})) == {
        "a": None,
        "b": [None, 1.5],
        "c": [1, "x"],
    }
