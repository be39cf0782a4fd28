"""An answer with an interval is JSON whose ends are those that training computes, digit for digit."""

from __future__ import annotations

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.codec.intervals import IntervalEncoder
from serving.errors import InternalError
from tabento.bundle.interval import Interval
from tabento.tables.intervals import interval_ends
from tests.bundles import orchard_contract, with_output
from tests.tabento.bundle.test_interval import GROUPED, HIGH, NUMBERS, intervals

TAIL = {"model": "orchard", "version": "v1", "request_id": "id-1"}
PLAIN = IntervalEncoder("orchard", "v1", Interval(coverage=0.9, groups=(HIGH,)), None)


def test_one_object_gets_one_interval() -> None:
    """A single object is answered by ``prediction`` and ``interval``, before model, version and request id."""
    body = json.loads(PLAIN.encode([10.5], True, b"id-1"))
    assert body == {"prediction": 10.5, "interval": {"lower": 5.5, "upper": 16.5, "coverage": 0.9}, **TAIL}
    assert list(body) == ["prediction", "interval", *TAIL]


def test_many_rows_get_one_interval_each() -> None:
    """Rows are answered by ``predictions`` and ``intervals``, in the rows' order."""
    body = json.loads(PLAIN.encode([10.5, 0.0], False, b"id-1"))
    assert body["predictions"] == [10.5, 0.0]
    assert body["intervals"] == [
        {"lower": 5.5, "upper": 16.5, "coverage": 0.9},
        {"lower": -5.0, "upper": 6.0, "coverage": 0.9},
    ]
    assert list(body) == ["predictions", "intervals", *TAIL]


def test_group_is_read_from_the_packed_row() -> None:
    """The feature's value in the row, also a missing one, determines the interval; the row may be wider than the features."""
    encoder = IntervalEncoder("orchard", "v1", GROUPED, 1)
    data = struct.pack("6d", 0.0, 20.0, 0.0, 0.0, math.nan, 0.0)
    body = json.loads(encoder.encode([5.0, 5.0], False, b"id-1", data))
    assert [(item["lower"], item["upper"]) for item in body["intervals"]] == [(4.0, 8.0), (-2.0, 5.0)]
    single = json.loads(encoder.encode([5.0], True, b"id-1", data[:24]))
    assert (single["interval"]["lower"], single["interval"]["upper"]) == (4.0, 8.0)


@given(interval=intervals(), rows=st.lists(st.tuples(NUMBERS, st.floats()), min_size=1, max_size=5))
def test_served_interval_equals_that_of_training(interval: Interval, rows: list[tuple[float, float]]) -> None:
    """The numbers that a client reads are the doubles that training computes for the same answers and rows."""
    contract = with_output(orchard_contract(), interval=interval.model_dump())
    answers = [answer for answer, _ in rows]
    packed = np.zeros((len(rows), len(contract.features)))
    packed[:, 0] = [age for _, age in rows]
    expected = interval_ends(contract, np.array(answers), packed).tolist()
    encoder = IntervalEncoder("orchard", "v1", interval, contract.interval_column)
    body = json.loads(encoder.encode(answers, False, b"x", packed.tobytes()))
    assert [[item["lower"], item["upper"]] for item in body["intervals"]] == expected
    assert {item["coverage"] for item in body["intervals"]} == {interval.coverage}
    single = json.loads(encoder.encode(answers[:1], True, b"x", packed[:1].tobytes()))
    assert [single["interval"]["lower"], single["interval"]["upper"]] == expected[0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("single", [True, False])
def test_what_json_cannot_say_is_an_error(value: float, single: bool) -> None:
    """NaN and infinity never leave the service."""
    with pytest.raises(InternalError, match="no finite number"):
        PLAIN.encode([value], single, b"x")
