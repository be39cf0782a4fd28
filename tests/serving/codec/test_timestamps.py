"""Timestamps in requests: the plain way, the careful way and a straightforward decoder say the same."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.decode_cost.straightforward import decode_straightforward
from serving.codec.decode import Decoder
from serving.codec.slices import WorkMeter, run_steps
from serving.errors import InvalidError, ServingError
from serving.routes.schemas import feature_schema
from tabento.bundle.contract import Contract, Feature, Output, timestamp_seconds
from tests.examples import examples

MAX_ROWS = 5
CONTRACT = Contract(
    name="ride",
    title="Ride",
    description="",
    task="regression",
    features=(
        Feature(name="at", type="timestamp", minimum="2020-01-01", exclusive_maximum="2030-01-01"),
        Feature(name="km", type="number", nullable=True),
        Feature(name="booked", type="timestamp", nullable=True, required=False, missing=("never", "0000-00-00")),
    ),
    output=Output(name="minutes"),
)
DECODER = Decoder(CONTRACT, MAX_ROWS)
STRICT = Contract.model_validate({**CONTRACT.model_dump(), "features": [CONTRACT.features[0].model_dump()]})
STRICT_DECODER = Decoder(STRICT, MAX_ROWS)
ROW: dict[str, Any] = {"at": "2026-11-27T16:08:17.5Z", "km": 3.5, "booked": "2026-11-27 15:00"}

_values: st.SearchStrategy[Any] = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat(" ") + "Z"),
    st.text("0123456789-:.T Z+", max_size=20),
    st.sampled_from(
        [
            *(
                "2026-11-27",
                "2026-02-29",
                "2019-12-31T23:59:59.999999999Z",
                "2030-01-01",
                "2029-12-31T23:59:59.999999Z",
            ),
            *("never", "Never", "0000-00-00", "", '"', "NaN", "\ud800", "2026-11-27T16:08:17Z" * 200),
            *(None, True, 1795795697, 1795795697.5, [], {"a": "2026-11-27"}, math.nan),
        ]
    ),
)
_rows = st.fixed_dictionaries({}, optional={"at": _values, "km": st.none() | st.floats(0, 1), "booked": _values}).map(
    lambda changes: {**ROW, **changes}
)


def _outcome(decode: Any, body: bytes) -> Any:
    try:
        return decode(body)
    except ServingError as error:
        return error.status, error.message, error.details


def _numbers(body: bytes, decoder: Decoder = DECODER) -> tuple[float, ...]:
    rows = decoder.decode(body)
    return struct.unpack(f"={len(rows.data) // 8}d", rows.data)


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(_rows, min_size=1, max_size=6), st.booleans(), st.booleans())
@example([ROW], True, True)
def test_all_ways_agree(rows: list[dict[str, Any]], alone: bool, ascii_only: bool) -> None:
    """The same rows to the bit, or the same faults in the same words."""
    content: Any = rows[0] if alone else {"instances": rows}
    body = json.dumps(content, ensure_ascii=ascii_only).encode("utf-8", "backslashreplace")
    expected = _outcome(lambda data: decode_straightforward(data, CONTRACT, MAX_ROWS), body)
    assert _outcome(lambda data: run_steps(DECODER.careful.steps(data, WorkMeter())), body) == expected
    plain = DECODER.decode_plain(body)
    assert plain is None or plain == expected


def test_plain_rows_take_the_plain_way() -> None:
    """A right row needs no second look, also with a time that counts as missing or is left out."""
    for changes in ({}, {"booked": None}, {"booked": "never"}):
        assert DECODER.decode_plain(json.dumps({**ROW, **changes}).encode()) is not None
    assert STRICT_DECODER.decode_plain(b'{"at": "2026-11-27"}') is not None
    assert STRICT_DECODER.decode_plain(b'{"at": "2026-11-27", "at": "2026-11-27"}') is None


def test_a_timestamp_travels_as_seconds() -> None:
    """Seconds since 1970 in UTC; a text that counts as missing and a field that is left out are NaN."""
    assert _numbers(json.dumps(ROW).encode())[::2] == (1795795697.5, timestamp_seconds("2026-11-27T15:00Z"))
    for missing in ({"booked": "0000-00-00"}, {"booked": None}):
        assert math.isnan(_numbers(json.dumps({**ROW, **missing}).encode())[2])
    assert math.isnan(_numbers(b'{"at": "2026-11-27", "km": null}')[2])
    # Written with an escape, it is still the same text.
    assert _numbers(b'{"at": "2026-11-2\\u0037T00:00"}', STRICT_DECODER) == (1795737600.0,)


@pytest.mark.parametrize("value", ["27.11.2026", "2026-02-30", "2019-12-31", "2030-01-01", 1795795697, True, ["2026"]])
def test_what_is_no_timestamp_is_refused_by_name(value: Any) -> None:
    """The error names the field, a right timestamp, the range, and what came."""
    with pytest.raises(InvalidError) as refused_details:
        DECODER.decode(json.dumps({**ROW, "at": value}).encode())
    (detail,) = refused_details.value.details
    assert (detail.row, detail.field) == (0, "at")
    assert detail.expected == (
        "a date and time such as 2026-11-27T16:08:17Z, of at least 2020-01-01T00:00:00Z and below 2030-01-01T00:00:00Z"
    )


def test_the_schema_says_that_it_is_a_date() -> None:
    """OpenAPI has a format for it; what it cannot say is in the description."""
    instant, _, booked = CONTRACT.features
    schema = feature_schema(instant)
    assert (schema["type"], schema["format"]) == ("string", "date-time")
    assert "from 2020-01-01T00:00:00Z to 2029-12-31T23:59:59" in schema["description"]
    assert feature_schema(booked)["anyOf"] == [
        {"type": ["string", "null"], "format": "date-time"},
        {"enum": ["never", "0000-00-00"]},
    ]
