"""Features with exclusive bounds and texts that count as missing."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from tabento.bundle.contract import encode_value
from tabento.bundle.feature import Feature, FeatureType

NULLABLE = {"nullable": True}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"type": "boolean", "exclusive_minimum": 0}, "a range goes with a number"),
        ({"minimum": 0, "exclusive_minimum": 0}, "give `minimum` or `exclusive_minimum`, not both"),
        ({"maximum": 0, "exclusive_maximum": 0}, "give `maximum` or `exclusive_maximum`, not both"),
        ({"exclusive_minimum": 5, "maximum": 5}, "there is no number above 5 and at most 5"),
        ({"exclusive_minimum": 0.3, "exclusive_maximum": 0.3}, "there is no number above 0.3 and below 0.3"),
        ({"type": "integer", "exclusive_minimum": 1, "exclusive_maximum": 2}, "no integer above 1 and below 2"),
        ({"exclusive_minimum": 1.7976931348623157e308}, "there is no number above"),
        ({"exclusive_minimum": math.inf}, "finite"),
        ({"missing": ("?",)}, "it needs `nullable: true`"),
        ({"missing": ("?", "?"), **NULLABLE}, "lists a text twice"),
        ({"missing": ("x" * 101,), **NULLABLE}, "at most 100 characters"),
        ({"missing": tuple(map(str, range(101))), **NULLABLE}, "at most 100 items"),
        ({"missing": ("-999",), **NULLABLE}, "narrow the range"),
        ({"missing": ("1e3",), "minimum": 0, "maximum": 1000, **NULLABLE}, "narrow the range"),
        ({"type": "boolean", "missing": ("No",), **NULLABLE}, "is a truth value as well"),
        ({"type": "category", "categories": ("A",), "case": "upper", "missing": ("a",), **NULLABLE}, "listed under"),
    ],
)
def test_a_feature_that_contradicts_itself_is_refused(fault: dict[str, Any], message: str) -> None:
    """An empty range, two bounds on one side, and a missing text that is a value too are refused."""
    with pytest.raises(ValidationError, match=message):
        Feature(**{"name": "a", "type": "number", **fault})


@pytest.mark.parametrize(
    ("type_", "keys", "expected"),
    [
        ("number", {"exclusive_minimum": 0, "maximum": 0.1 + 0.2}, "a number above 0 and at most 0.30000000000000004"),
        ("number", {"minimum": 0.3, "exclusive_maximum": 1}, "a number of at least 0.3 and below 1"),
        ("integer", {"exclusive_minimum": 0}, "an integer above 0 and at most 9007199254740992"),
    ],
)
def test_a_message_names_the_bound_as_it_was_given(type_: FeatureType, keys: dict[str, Any], expected: str) -> None:
    """A user who wrote 0 reads 0, not the smallest number above it."""
    assert Feature(name="a", type=type_, **keys).expected() == expected


@given(
    st.sampled_from(["number", "integer"]),
    st.floats(-1e20, 1e20) | st.integers(-(10**17), 10**17).map(float) | st.sampled_from([0.0, -0.0, 5e-324]),
    st.integers(-2, 2),
)
def test_an_inclusive_comparison_with_the_range_is_exact(type_: FeatureType, bound: float, steps: int) -> None:
    """``lower`` and ``upper`` take a number if and only if it is strictly beyond the exclusive bound."""
    number = bound
    for _ in range(abs(steps)):
        number = math.nextafter(number, math.copysign(math.inf, steps))
    assume(type_ == "number" or number.is_integer())
    above = Feature(name="a", type=type_, exclusive_minimum=bound, maximum=1e300)
    below = Feature(name="a", type=type_, exclusive_maximum=bound, minimum=-1e300)
    assert (above.lower <= number <= above.upper) == (number > bound)
    assert (below.lower <= number <= below.upper) == (number < bound)


def test_missing_texts_and_truth_words_travel_as_numbers() -> None:
    """A cell of a file and the same value of a request become the same number."""
    number = Feature(name="a", type="number", minimum=0, missing=("?", "-999"), nullable=True)
    assert math.isnan(encode_value(number, "?"))
    assert math.isnan(encode_value(number, -999))
    assert encode_value(number, 3) == 3.0
    boolean = Feature(name="a", type="boolean", missing=("",), nullable=True)
    assert [encode_value(boolean, value) for value in ("Yes", "off", 1, False)] == [1.0, 0.0, 1.0, 0.0]
    assert math.isnan(encode_value(boolean, ""))


def test_keys_that_came_later_are_written_only_if_they_are_used() -> None:
    """A feature that uses none is written as before they came, and each used one is read back."""
    assert (
        not {"exclusive_minimum", "exclusive_maximum", "missing"} & Feature(name="a", type="number").model_dump().keys()
    )
    feature = Feature(name="a", type="number", exclusive_minimum=0, missing=("?",), nullable=True)
    assert "exclusive_maximum" not in feature.model_dump()
    assert Feature.model_validate_json(feature.model_dump_json()) == feature


def test_a_text_is_taken_if_it_is_short_and_can_be_written() -> None:
    """The length counts characters; a lone surrogate has no UTF-8."""
    feature = Feature(name="review", type="text", maximum_length=5)
    assert feature.takes_text("")
    assert feature.takes_text("🍏é\x00日5")
    assert not feature.takes_text("123456")
    assert not feature.takes_text("a\ud800")
    assert feature.expected() == "a text of at most 5 characters"
    assert Feature(name="review", type="text").longest == 10_000


def test_a_text_needs_the_second_format() -> None:
    """A contract with a text has the second format, so that older services refuse it."""
    assert Feature(name="review", type="text").later_keys_used() == ("type",)
    assert Feature(name="review", type="text", maximum_length=5).later_keys_used() == ("maximum_length", "type")
