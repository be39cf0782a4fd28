"""Features of a config, with the parts that are taken from the data."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tabento.bundle.contract import Feature
from training.config import Column


def column(**keys: Any) -> Column:
    """Return a category whose values are taken from the data, with other keys."""
    return Column.model_validate({"name": "zone", "type": "category", "categories": "from_data", **keys})


def test_categories_can_be_taken_from_the_data() -> None:
    """The column is open until its categories are known, and unknown values are ignored."""
    zone = column(min_frequency=20)
    assert (zone.is_open, zone.categories, zone.unknown) == (True, None, "ignore")
    assert Column.model_validate(zone.model_dump()) == zone
    zone_with_categories = zone.with_categories(("a", "b"))
    assert (zone_with_categories.is_open, zone_with_categories.min_frequency) == (False, None)
    assert zone_with_categories.feature() == Feature(
        name="zone", type="category", categories=("a", "b"), unknown="ignore"
    )


def test_question_mark_can_mean_missing_in_an_open_column() -> None:
    """The placeholder for unknown categories equals no text of a file."""
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
def test_contradicting_keys_are_refused(keys: dict[str, Any], message: str) -> None:
    """The message names the key and the key that it requires."""
    with pytest.raises(ValidationError, match=message):
        column(**keys)
