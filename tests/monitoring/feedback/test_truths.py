"""Truths are read and checked before anything is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.errors import RequestError
from monitoring.feedback.truths import read_truths, value_text
from tests.monitoring.feedback.answers import NOW_S, truth


def _read(content: Any, limit: int = 10) -> Any:
    return read_truths(json.dumps(content).encode(), NOW_S, limit)


def test_one_object_is_one_truth() -> None:
    """An object alone has row 0 and the time of its arrival."""
    assert _read({"request_id": "a", "truth": 3.5}) == [truth("a", 3.5)]


def test_a_list_keeps_its_order() -> None:
    """Each item of a list is a truth, with its row and its time in any notation."""
    items = [
        {"request_id": "a", "row": 2, "truth": "frost", "time": "2026-11-27T16:08:17Z"},
        {"request_id": "b", "truth": {"x": 1, "y": 2}, "time": 7},
    ]
    first, second = _read(items)
    assert (first.key, first.text, first.time_s) == (("a", 2), '"frost"', 1_795_795_697.0)
    assert (second.key, second.text, second.time_s) == (("b", 0), '{"x":1,"y":2}', 7.0)


def test_equal_values_have_equal_texts() -> None:
    """3 and 3.0 are the same truth, and so are objects with another order; 1, true and "1" are three truths."""
    assert value_text(3) == value_text(3.0) == "3"
    assert value_text({"a": 1, "b": 2.0}) == value_text({"b": 2, "a": 1.0})
    assert len({value_text(1), value_text(True), value_text("1")}) == 3


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_its_bits(number: float) -> None:
    """The text of a number reads back as the same float64."""
    assert float(json.loads(value_text(number))) == number


@pytest.mark.parametrize(
    ("item", "field", "expected"),
    [
        ({"truth": 1}, None, "an object with request_id"),
        ({"request_id": "a"}, None, "an object with request_id"),
        ({"request_id": "a", "truth": None}, "truth", "an object with"),
        ({"request_id": "a", "truth": [1]}, "truth", "an object with"),
        ({"request_id": "a", "truth": {}}, "truth", "1 to 1000 targets"),
        ({"request_id": "a", "truth": 1, "rows": 2}, None, "an object with"),
        ({"request_id": "a", "truth": 1, "row": 1.5}, "row", "an object with"),
        ({"request_id": "a", "truth": 1, "row": -1}, "row", "index of a row"),
        ({"request_id": "a", "truth": 1, "row": 2**31}, "row", "index of a row"),
        ({"request_id": "a b", "truth": 1}, "request_id", "at most 128 letters"),
        ({"request_id": "a" * 129, "truth": 1}, "request_id", "at most 128 letters"),
        ({"request_id": "", "truth": 1}, "request_id", "at most 128 letters"),
        ({"request_id": "a", "truth": "x" * 1001}, "truth", "at most 1000 characters"),
        ({"request_id": "a", "truth": 10**400}, "truth", "a number up to 1e+100"),
        ({"request_id": "a", "truth": {"x": -1.1e100}}, "truth", "a number up to 1e+100"),
        ({"request_id": "a", "truth": 1, "time": "yesterday"}, "time", "ISO 8601"),
        ({"request_id": "a", "truth": 1, "time": NOW_S + 86_401}, "time", "at most a day ahead"),
        ({"request_id": "a", "truth": 1, "time": -1}, "time", "from 1970"),
        (7, None, "an object with"),
    ],
)
def test_a_fault_is_named(item: Any, field: str | None, expected: str) -> None:
    """The error has the position, the field and the expectation; the truth itself is never quoted."""
    with pytest.raises(RequestError) as raised_error:
        _read([{"request_id": "fine", "truth": 1}, item])
    assert raised_error.value.status == 422
    (detail,) = raised_error.value.details
    assert (detail.row, detail.field) == (1, field)
    assert expected in detail.expected
    assert "xxxx" not in detail.got


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1,", b"\xff", b'{"request_id": "\xff", "truth": 1}x', b"[" * 100_000]
)
def test_a_body_that_is_not_json_is_malformed(content: bytes) -> None:
    """The status is 400."""
    with pytest.raises(RequestError) as raised_error:
        read_truths(content, NOW_S, 10)
    assert raised_error.value.status == 400


def test_an_invalid_text_is_a_fault() -> None:
    """Bytes that are not UTF-8 inside a text are refused."""
    with pytest.raises(RequestError):
        read_truths(b'[{"request_id": "a", "truth": "\xff"}]', NOW_S, 10)


def test_the_number_of_truths_is_limited() -> None:
    """Too many truths are 413, none are 422."""
    with pytest.raises(RequestError, match="at most 2 truths in a request, got 3") as raised_error:
        _read([{"request_id": "a", "truth": 1}] * 3, limit=2)
    assert raised_error.value.status == 413
    with pytest.raises(RequestError, match="at least one truth"):
        _read([])


def test_an_error_lists_few_faults() -> None:
    """A body of faults is not answered by a larger body."""
    with pytest.raises(RequestError) as raised_error:
        _read([1] * 1000, limit=1000)
    assert len(raised_error.value.details) == 20
