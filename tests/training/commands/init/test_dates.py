"""Columns of dates."""

from __future__ import annotations

import pytest

from tests.training.commands.init.files import column
from training.commands.init.dates import decide_date, is_date, is_iso, parts_of
from training.config import DatePart


@pytest.mark.parametrize(
    "cell", ["2024-02-29", "2024-02-29 23:59", "2024-02-29T23:59:59.123Z", "2024-02-29 10:00:00+02:00"]
)
def test_iso_is_known(cell: str) -> None:
    """With and without a time, a fraction and a zone."""
    assert is_iso(column([cell, "2023-01-01", ""]))


@pytest.mark.parametrize(
    "cell", ["31.12.2024", "12/31/2024 11:59 PM", "2024/12/31", "31-Dec-24", "Dec 31, 2024", "1 January 2024"]
)
def test_other_formats_are_dates_but_not_iso(cell: str) -> None:
    """Formats of which the order of day and month may be unclear."""
    assert is_date(column([cell]))
    assert not is_iso(column([cell]))


@pytest.mark.parametrize(
    "cell", ["2024-02-30", "2024-13-01", "12", "1.5", "may be", "10-20", "555-12-3456", "1/2", "v1.2.3.4"]
)
def test_others_are_none(cell: str) -> None:
    """A day that does not exist is none, nor is a number with strokes."""
    assert not is_iso(column([cell]))
    assert not is_date(column([cell])) or cell.startswith("2024")


def test_compact_dates_need_a_name() -> None:
    """20240131 is a number unless its column is called a date."""
    assert is_date(column(["20240131", "20231201"], "order_date"))
    assert not is_date(column(["20240131", "20231201"], "amount"))


def test_iso_becomes_a_timestamp() -> None:
    """A timestamp gets the parts that differ in the data; missing values are counted."""
    decision = decide_date(column(["2024-02-29 10:00", "2024-03-07 11:30", ""], "at"))
    assert decision.feature == {"name": "at", "type": "timestamp", "nullable": True, "missing": [""]}
    assert decision.parts == ("month", "hour")


def test_another_form_is_dropped_with_the_way_to_convert_it() -> None:
    """Which of day and month comes first is never guessed."""
    decision = decide_date(column(["31.12.2024", "1.2.2024"], "at"))
    assert decision.feature is None
    assert "format='%d.%m.%Y'" in str(decision.doubt)
    assert "write them as" in str(decide_date(column(["Dec 31, 2024", "Dec 30, 2024"], "at")).doubt)


@pytest.mark.parametrize(
    ("seconds", "parts"),
    [
        ([0.0, 86_400.0 * 366], ("year", "weekday")),
        ([0.0, 60.0], ("elapsed_days",)),
        ([0.0, 86_400.0 * 40 + 3_600], ("month", "weekday", "hour")),
    ],
)
def test_parts_that_are_the_same_everywhere_are_left_out(seconds: list[float], parts: tuple[DatePart, ...]) -> None:
    """A part that no row differs in teaches nothing; of times within an hour the elapsed days are left."""
    assert parts_of(seconds) == parts
