"""Tests of the comparison of the two parts of a split."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.study.comparison import compare_parts, stability_index


def test_parts_of_one_source_do_not_differ() -> None:
    """Nothing differs beyond chance, and the index is about what chance gives."""
    frame = orchard_frame(2000)
    found = compare_parts(orchard_config(), frame.iloc[:1500], frame.iloc[1500:])
    assert [item.name for item in found] == [*(f.name for f in orchard_config().features), "apples"]
    assert not any(item.differs for item in found)
    assert max(item.psi for item in found) < 0.1
    assert found[0].psi_by_chance == pytest.approx(9 * (1 / 1500 + 1 / 500))


def test_a_shifted_column_is_found() -> None:
    """A number that moved and a category that is gone are told apart from those that stayed."""
    frame = orchard_frame(1000)
    test = frame.iloc[600:].copy()
    test["height"] += 3
    test["sort"] = "COX"
    found = {item.name: item for item in compare_parts(orchard_config(), frame.iloc[:600], test)}
    assert {name for name, item in found.items() if item.differs} == {"height", "sort"}
    assert found["height"].psi > 0.1
    assert found["height"].test == "Kolmogorov-Smirnov"
    assert found["sort"].test == "chi-square"


def test_missing_in_one_part_only_raises_the_index() -> None:
    """Missing is a bin of its own."""
    frame = orchard_frame(1000)
    test = frame.iloc[600:].copy()
    test["height"] = np.nan
    found = {item.name: item for item in compare_parts(orchard_config(), frame.iloc[:600], test)}
    assert found["height"].psi > 1
    assert (found["height"].missing_train, found["height"].missing_test) == (0, 1)


def test_classes_are_compared_by_their_shares() -> None:
    """A target of classes is tested by its counts."""
    frame = seedling_frame(800)
    found = compare_parts(seedling_config(), frame[frame["fate"] == 0], frame[frame["fate"] == 1])
    assert found[-1].name == "fate"
    assert found[-1].test == "chi-square"
    assert found[-1].differs


def test_the_index_is_symmetric_and_finite() -> None:
    """An empty bin gives no infinity, equal counts give 0."""
    one, other = np.array([10, 0, 5]), np.array([0, 7, 5])
    assert stability_index(one, other) == pytest.approx(stability_index(other, one))
    assert np.isfinite(stability_index(one, other))
    assert stability_index(one, one) == 0
