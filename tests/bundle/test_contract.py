"""The contract refuses what contradicts itself and says what it takes."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from bundle.contract import UNKNOWN_CATEGORY, Contract, Feature, Output, encode_value
from tests.bundles import orchard_contract

SORTS = ("BOSKOOP", "COX")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"type": "category"}, "needs `categories`"),
        ({"type": "category", "categories": ("a", "a")}, "lists a value twice"),
        ({"type": "category", "categories": ("Cox",), "case": "upper"}, "write it 'COX'"),
        ({"type": "number", "categories": ("a",)}, "goes with `type: category`"),
        ({"type": "boolean", "minimum": 0}, "a range goes with a number"),
        ({"type": "number", "minimum": 2, "maximum": 1}, "minimum 2 is above maximum 1"),
        ({"type": "number", "unknown": "ignore"}, "go with `type: category`"),
        ({"type": "number", "required": False}, "must be `nullable: true`"),
        ({"type": "number", "name": 'a"b'}, "pattern"),
        ({"type": "number", "maximum": math.inf}, "finite"),
        ({"type": "text"}, "'number', 'integer', 'boolean' or 'category'"),
        ({"type": "number", "min": 1}, "Extra inputs"),
    ],
)
def test_a_feature_that_contradicts_itself_is_refused(fault: dict[str, Any], message: str) -> None:
    """Each impossible feature is refused with a message that names the fault."""
    with pytest.raises(ValidationError, match=message):
        Feature(**{"name": "a", **fault})


@pytest.mark.parametrize(
    ("names", "output", "message"),
    [
        (["a", "a"], "y", "listed twice"),
        (["a", "y"], "y", "leaks the answer"),
        (["instances"], "y", "no feature can be called"),
        ([], "y", "at least 1 item"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(names: list[str], output: str, message: str) -> None:
    """Names must be distinct, the target no feature, and the key for many rows free."""
    features = tuple(Feature(name=name, type="number") for name in names)
    with pytest.raises(ValidationError, match=message):
        Contract(name="m", title="", description="", task="regression", features=features, output=Output(name=output))


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        (Feature(name="a", type="number", minimum=0, maximum=0.1), "a number between 0 and 0.10000000000000001"),
        (Feature(name="a", type="integer", minimum=1), "an integer between 1 and 9007199254740992"),
        (Feature(name="a", type="boolean", nullable=True), "true or false or null"),
        (Feature(name="a", type="category", categories=SORTS), "one of 'BOSKOOP', 'COX'"),
        (Feature(name="a", type="category", categories=SORTS, unknown="ignore"), "a string"),
        (Feature(name="a", type="category", categories=tuple(map(str, range(25)))), "and 5 more"),
    ],
)
def test_a_feature_says_in_words_what_it_takes(feature: Feature, expected: str) -> None:
    """Error messages and documents can quote what a field takes."""
    assert expected in feature.expected()


def test_values_travel_as_numbers() -> None:
    """A category travels as its index, a boolean as 0 or 1, a missing value as NaN, an unknown category as -1."""
    sort = Feature(name="sort", type="category", categories=SORTS, case="upper")
    assert encode_value(sort, "cox") == 1.0
    assert encode_value(sort, "gloster") == UNKNOWN_CATEGORY
    assert math.isnan(encode_value(sort, None))
    assert math.isnan(encode_value(sort, math.nan))
    assert encode_value(Feature(name="a", type="boolean"), True) == 1.0
    assert encode_value(Feature(name="a", type="number"), 7) == 7.0


def test_a_lower_case_feature_finds_its_category() -> None:
    """With ``case: lower`` letters are lowered before a category is looked up."""
    assert Feature(name="a", type="category", categories=("x",), case="lower").normalise("X") == "x"


def test_a_contract_survives_its_own_json() -> None:
    """What training writes is what serving reads."""
    contract = orchard_contract()
    assert Contract.model_validate_json(contract.model_dump_json()) == contract
