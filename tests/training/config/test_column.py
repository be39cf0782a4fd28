"""Features as a config declares them, with what may be left to the data."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bundle.contract import Feature
from training.config import Column


def column(**keys: Any) -> Column:
    """Return a category whose values are taken from the data, with other keys."""
    return Column.model_validate({"name": "zone", "type": "category", "categories": "from_data", **keys})


def test_categories_can_be_left_to_the_data() -> None:
    """The column stays open until it is told its categories, and unknown values are ignored."""
    zone = column(min_frequency=20)
    assert (zone.is_open, zone.categories, zone.unknown) == (True, None, "ignore")
    assert Column.model_validate(zone.model_dump()) == zone
    known = zone.with_categories(("a", "b"))
    assert (known.is_open, known.min_frequency) == (False, None)
    assert known.feature() == Feature(name="zone", type="category", categories=("a", "b"), unknown="ignore")


def test_question_mark_can_stand_for_missing_in_an_open_column() -> None:
    """What stands in for unknown categories is no text that a file has."""
    assert column(nullable=True, missing=["?"]).missing == ("?",)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"categories": None}, "a category needs `categories`"),
        ({"unknown": "refuse"}, "needs `unknown: ignore`"),
        ({"type": "number"}, "goes with `type: category`"),
        (
            {"type": "number", "categories": None, "min_frequency": 3},
            "`min_frequency` goes with `categories: from_data`",
        ),
        ({"categories": ["a"], "min_frequency": 3}, "`min_frequency` goes with `categories: from_data`"),
        ({"minimum": 1}, "a range goes with a number"),
        ({"min_frequency": 0}, "greater than 0"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(keys: dict[str, Any], message: str) -> None:
    """The message names the key and what it goes with."""
    with pytest.raises(ValidationError, match=message):
        column(**keys)
