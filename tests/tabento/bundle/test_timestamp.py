"""Timestamps are read exactly, and in the forms of ISO 8601 alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabento.bundle.timestamp import (
    FIRST_TIMESTAMP,
    LAST_TIMESTAMP,
    LONGEST_TIMESTAMP,
    timestamp_seconds,
    timestamp_text,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=st.none() | st.just(UTC) | ZONES), st.sampled_from("Tt "))
def test_a_timestamp_is_read_as_python_reads_it(moment: datetime, separator: str) -> None:
    """Every text that Python writes is read as the float64 nearest to its exact seconds; without a zone it is UTC."""
    text = moment.isoformat(separator)
    aware = datetime.fromisoformat(text)
    aware = aware if aware.tzinfo is not None else aware.replace(tzinfo=UTC)
    expected = float(Fraction((aware - EPOCH) // timedelta(microseconds=1), 10**6))
    is_inside = FIRST_TIMESTAMP <= expected <= LAST_TIMESTAMP
    assert timestamp_seconds(text) == (expected if is_inside else None)


@given(st.integers(-62_135_596_800, 253_402_300_798), st.integers(0, 9), st.data())
def test_a_text_that_was_written_reads_back(seconds: int, digits: int, data: st.DataObject) -> None:
    """The text of a timestamp has at most nine digits of a fraction and gives the same number again."""
    fraction = data.draw(st.integers(0, 10**digits - 1))
    exact_seconds = float(Fraction(seconds * 10**digits + fraction, 10**digits))
    text = timestamp_text(exact_seconds)
    assert timestamp_seconds(text) == exact_seconds
    assert len(text) <= LONGEST_TIMESTAMP


@given(st.text("0123456789-:.+TtZz ٣²é", max_size=36))
def test_any_other_text_is_no_timestamp_or_has_a_python_meaning(text: str) -> None:
    """Nothing is taken that Python would not take; a lower-case z is the one exception."""
    if timestamp_seconds(text) is not None:
        datetime.fromisoformat(text.replace("z", "Z"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0.0),
        ("1970-01-01T00:00", 0.0),
        ("1970-01-01 00:00:00", 0.0),
        ("1969-12-31T23:59:59.5Z", -0.5),
        ("2026-11-27T16:08:17.5", 1795795697.5),
        ("2026-11-27T16:08:17+01", 1795792097.0),
        ("2026-11-27T16:08:17-0130", 1795801097.0),
        ("2026-11-27T16:08z", 1795795680.0),
        ("2000-02-29", 951782400.0),
        ("0001-01-01", FIRST_TIMESTAMP),
        ("1970-01-01T00:00:00.000000001Z", 1e-9),
    ],
)
def test_accepted_forms(text: str, seconds: float) -> None:
    """A date without a time is its midnight; seconds, fraction and zone are optional."""
    assert timestamp_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "2026",
        "2026-11",
        "20261127",
        "2026-W48-5",
        "2026-331",
        "27.11.2026",
        "11/27/2026",
        "2026-11-27T",
        "2026-11-27T16",
        "2026-11-27T16:08:17,5",
        "2026-11-27T16:08:17.",
        "2026-11-27T16:08:17.1234567890",
        "2026-11-27T16:08.5",
        "2026-11-27Z",
        "2026-11-27+01:00",
        "2026-11-27T16:08+24:00",
        "2026-11-27T16:08+1:00",
        "2026-11-27T24:00:00",
        "2026-11-27T16:60",
        "2026-12-31T23:59:60Z",
        "2026-02-29",
        "1900-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-11-31",
        "2026-11-00",
        "0000-01-01",
        "0001-01-01T00:00+00:01",
        "9999-12-31T23:59:59.999999999Z",
        "9999-12-31T23:59-00:01",
        "10000-01-01",
        "-2026-11-27",
        " 2026-11-27",
        "2026-11-27 ",
        "2026-11-27\n",
        "2026-11-27  16:08",
        "２０２６-11-27",
        "2026-11-2٧",
        "2026-11-27T16:08:17Z" * 1000,
    ],
)
def test_refused_forms(text: str) -> None:
    """Days that no month has, leap seconds, other forms and years outside 0001 to 9999 are refused."""
    assert timestamp_seconds(text) is None


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), FIRST_TIMESTAMP - 1, 253_402_300_800.0])
def test_seconds_outside_the_range_have_no_text(seconds: float) -> None:
    """Seconds outside the years 0001 to 9999 are refused, and the error contains the number."""
    with pytest.raises(ValueError, match="expected seconds between"):
        timestamp_text(seconds)


def test_the_ends_have_texts() -> None:
    """The first and the last second, and a number between two nanoseconds."""
    assert timestamp_text(FIRST_TIMESTAMP) == "0001-01-01T00:00:00Z"
    assert timestamp_text(LAST_TIMESTAMP) == "9999-12-31T23:59:59.99997Z"
    assert timestamp_text(-1e-12) == "1970-01-01T00:00:00Z"
