"""Tests of the champion's rows in the challenger's contract."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest

from rollout.shadow.rows import RowsError, recoder
from tabento.bundle.contract import UNKNOWN_CATEGORY, Contract
from tests.bundles import orchard_contract


def _change_contract(changes: dict[str, dict[str, object]], drop: str | None = None, order: int = 1) -> Contract:
    """Return the orchard's contract with other features."""
    contract = orchard_contract()
    features = [
        feature.model_dump() | changes.get(feature.name, {}) for feature in contract.features if feature.name != drop
    ]
    return Contract.model_validate({**contract.model_dump(), "features": features[::order]})


def _numbers(data: bytes, width: int = 7) -> list[list[float]]:
    rows: list[list[float]] = np.frombuffer(data).reshape(-1, width).tolist()
    return rows


def test_equal_contracts_need_no_conversion() -> None:
    """Rows of an equal contract are used as they are."""
    assert recoder(orchard_contract(), orchard_contract()) is None


def test_categories_are_converted_by_their_names() -> None:
    """A category keeps its name when the challenger lists its categories in another order; missing values stay missing."""
    old = orchard_contract()
    soil = next(feature for feature in old.features if feature.name == "soil")
    assert soil.categories is not None
    new = _change_contract({"soil": {"categories": soil.categories[::-1]}})
    convert = recoder(old, new)
    assert convert is not None
    index, last = old.feature_names.index("soil"), len(soil.categories) - 1
    rows = np.zeros((3, 7))
    rows[:, index] = [0.0, last, np.nan]
    converted = _numbers(convert(rows.tobytes(), 3))
    assert [row[index] for row in converted[:2]] == [last, 0.0]
    assert isnan(converted[2][index])
    assert rows[0, index] == 0.0, "the champion's rows are not changed"


def test_features_are_found_by_their_names() -> None:
    """A challenger that lists its features in another order gets each value in its place."""
    convert = recoder(orchard_contract(), _change_contract({}, order=-1))
    assert convert is not None
    assert _numbers(convert(np.arange(14.0).tobytes(), 2))[1] == [13.0, 12.0, 11.0, 10.0, 9.0, 8.0, 7.0]


def test_a_new_optional_feature_is_missing() -> None:
    """A feature that the champion does not have is a missing value, if the challenger accepts it."""
    convert = recoder(_change_contract({}, drop="slope"), orchard_contract())
    assert convert is not None
    (row,) = _numbers(convert(np.arange(6.0).tobytes(), 1))
    index = orchard_contract().feature_names.index("slope")
    assert isnan(row.pop(index))
    assert row == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_new_required_feature_is_refused() -> None:
    """A challenger that needs a value which no request has is refused, and the feature is named."""
    with pytest.raises(RowsError, match="'height'"):
        recoder(_change_contract({}, drop="height"), orchard_contract())


def test_a_category_that_the_challenger_refuses_is_named() -> None:
    """A category less is refused, unless the challenger ignores unknown ones."""
    old = orchard_contract()
    index = old.feature_names.index("soil")
    categories = old.features[index].categories
    assert categories is not None
    with pytest.raises(RowsError, match=categories[0]):
        recoder(old, _change_contract({"soil": {"categories": categories[1:], "unknown": "refuse"}}))
    convert = recoder(old, _change_contract({"soil": {"categories": categories[1:], "unknown": "ignore"}}))
    assert convert is not None
    assert _numbers(convert(bytes(56), 1))[0][index] == UNKNOWN_CATEGORY
