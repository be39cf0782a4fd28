"""Tests of the comparison of the two parts of a split."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.studies.exploration.comparison import compare_parts


def test_parts_of_one_source_do_not_differ() -> None:
    """Random parts do not differ significantly, and the index is near its mean by chance."""
    frame = orchard_frame(2000)
    comparisons = compare_parts(orchard_config(), frame.iloc[:1500], frame.iloc[1500:])
    assert [item.name for item in comparisons] == [*(f.name for f in orchard_config().features), "apples"]
    assert not any(item.differs for item in comparisons)
    assert max(item.psi for item in comparisons) < 0.1
    assert comparisons[0].psi_by_chance == pytest.approx(9 * (1 / 1500 + 1 / 500))


def test_a_shifted_column_is_found() -> None:
    """A shifted number and a missing category differ, and unchanged columns do not."""
    frame = orchard_frame(1000)
    test = frame.iloc[600:].copy()
    test["height"] += 3
    test["sort"] = "COX"
    comparisons = {item.name: item for item in compare_parts(orchard_config(), frame.iloc[:600], test)}
    assert {name for name, item in comparisons.items() if item.differs} == {"height", "sort"}
    assert comparisons["height"].psi > 0.1
    assert comparisons["height"].test == "Kolmogorov-Smirnov"
    assert comparisons["sort"].test == "chi-square"


def test_missing_in_one_part_only_raises_the_index() -> None:
    """Missing values have their own bin."""
    frame = orchard_frame(1000)
    test = frame.iloc[600:].copy()
    test["height"] = np.nan
    comparisons = {item.name: item for item in compare_parts(orchard_config(), frame.iloc[:600], test)}
    assert comparisons["height"].psi > 1
    assert (comparisons["height"].missing_train, comparisons["height"].missing_test) == (0, 1)


def test_classes_are_compared_by_their_shares() -> None:
    """A target of classes is tested by its counts."""
    frame = seedling_frame(800)
    comparisons = compare_parts(seedling_config(), frame[frame["fate"] == 0], frame[frame["fate"] == 1])
    assert comparisons[-1].name == "fate"
    assert comparisons[-1].test == "chi-square"
    assert comparisons[-1].differs
