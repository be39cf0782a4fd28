"""Answers are JSON whose numbers read back as the same float64."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.codec.encode import NumberEncoder
from serving.errors import InternalError

ENCODER = NumberEncoder("orchard", "v1")


def test_one_object_gets_one_answer() -> None:
    """A single object is answered by ``prediction``, with model, version and request id."""
    body = json.loads(ENCODER.encode([1.5], True, b"id-1"))
    assert body == {"prediction": 1.5, "model": "orchard", "version": "v1", "request_id": "id-1"}


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_survive(values: list[float]) -> None:
    """Every finite float64 reads back as itself, in the order of the rows."""
    assert json.loads(ENCODER.encode(values, False, b"x"))["predictions"] == values


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_is_an_error(value: float) -> None:
    """NaN and infinity never leave the service."""
    with pytest.raises(InternalError, match="no finite number"):
        ENCODER.encode([1.0, value], False, b"x")
