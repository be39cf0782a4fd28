"""Tests of what the pictures of the reports share."""

from __future__ import annotations

import pytest

from training.study.drawing import apart, cut, new_figure, percent, short, to_png


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
    """A number has at most four digits, and none at all where there is none."""
    assert short(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0"), (0.00012, "0.012%"), (0.034, "3.4%"), (0.2, "20%"), (0.9996, "99.96%"), (1.0, "100%"), (None, "–")],
)
def test_a_share_is_written_as_a_percentage(share: float | None, text: str) -> None:
    """A small share keeps two digits, and nearly all is not called all."""
    assert percent(share) == text


def test_near_numbers_are_told_apart() -> None:
    """Edges of bins that differ in the fifth digit get five digits."""
    assert apart([-118.31, -118.32]) == ["-118.31", "-118.32"]
    assert apart([1.0, 2.0]) == ["1", "2"]


def test_numbers_that_hardly_differ_are_told_apart_too() -> None:
    """More digits than usual are taken where it needs them."""
    one, other = apart([1.00000000001, 1.00000000002])
    assert one != other


def test_long_text_is_cut() -> None:
    """A name that is too long for an axis ends in an ellipsis."""
    assert cut("abcdef", 4) == "abc…"
    assert cut("abc", 4) == "abc"


def test_the_same_figure_gives_the_same_bytes() -> None:
    """A picture is deterministic, so that a report is."""

    def draw() -> bytes:
        figure = new_figure(2, 2)
        figure.subplots().plot([0, 1], [1, 0])
        return to_png(figure)

    assert draw() == draw()
    assert draw().startswith(b"\x89PNG")
