"""The profile of a column, before the decision on it."""

from __future__ import annotations

import pytest

from tests.training.commands.init.files import column


@pytest.mark.parametrize(
    "marker", ["", " ", "?", " ?", "-", "NA", "N/A", "n/a", "#N/A", "null", "NULL", "NaN", "<NA>", "\\N"]
)
def test_usual_markers_are_missing_in_every_column(marker: str) -> None:
    """Files say in many ways that a value is not known; the text is kept as it stands."""
    for cells in (["1", "2", marker], ["red", "blue", marker]):
        profile = column(cells)
        assert profile.markers == {marker: 1}
        assert (profile.present, profile.missing, profile.distinct) == (2, 1, 2)


def test_none_is_a_value_of_text_and_missing_among_numbers() -> None:
    """The masonry veneer `None` is a category; among numbers it is a missing marker."""
    assert column(["None", "Brick", "None"]).missing == 0
    assert column(["None", "1", "2", "3"]).markers == {"None": 1}
    assert column(["inf", "-inf", "1.5", "2.5"]).markers == {"inf": 1, "-inf": 1}


def test_few_texts_among_many_numbers_are_markers() -> None:
    """One odd text in a hundred numbers is a marker; a column of texts and numbers is one of text."""
    assert column([*map(str, range(100)), "not measured"]).markers == {"not measured": 1}
    assert not column(["1", "2", "3", "many", "few"]).is_numeric()
    assert not column([*map(str, range(10)), *"abcdefgh"]).is_numeric()


@pytest.mark.parametrize(
    ("cells", "pair"),
    [
        (["Yes", "no", "NO"], ("yes", "no")),
        (["TRUE", "false"], ("true", "false")),
        (["0", "1", ""], ("1", "0")),
        (["0.0", "1.0"], ("1", "0")),
        (["T", "f"], ("t", "f")),
        (["on", "off"], ("on", "off")),
        (["yes", "yes"], None),
        (["yes", "false"], None),
        (["yes", "no", "maybe"], None),
        (["0", "2"], None),
    ],
)
def test_truth_words_come_in_pairs(cells: list[str], pair: tuple[str, str] | None) -> None:
    """Both words of one pair, in any letter case, make truth values."""
    assert column(cells).truth_words() == pair


def test_whole_numbers_and_codes() -> None:
    """Numbers as pandas writes them beside missing values are whole; zeros in front make codes."""
    assert column(["3.0", "4", ""]).is_whole()
    assert not column(["3.5", "4"]).is_whole()
    assert column(["08540", "10001"]).has_leading_zeros()
    assert not column(["0", "0.5", "10"]).has_leading_zeros()
