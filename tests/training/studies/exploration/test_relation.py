"""Tests of the relations to the target."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.training.orchards import orchard_config, orchard_frame
from tests.training.seedlings import seedling_config, seedling_frame
from training.studies.exploration.relation import mean_interval, number_groups, relate, share_interval, shown_classes


def test_a_number_is_divided_at_its_deciles() -> None:
    """Groups have similar sizes and are in order; missing values are last."""
    values = np.append(np.arange(1000.0), [np.nan] * 5)
    groups, labels = number_groups(values)
    assert len(labels) == 11
    assert labels[-1] == "missing"
    assert np.bincount(groups)[:10].tolist() == pytest.approx([100] * 10, abs=1)
    assert (groups[-5:] == 10).all()


def test_a_number_with_few_values_is_grouped_by_value() -> None:
    """Each value is its own group, and the groups of a boolean are yes and no."""
    groups, labels = number_groups(np.array([3.0, 1.0, 3.0]))
    assert (groups.tolist(), labels) == ([1, 0, 1], ["1", "3"])
    assert number_groups(np.array([1.0, 0.0]), yes_no=True)[1] == ["no", "yes"]


def test_a_number_that_is_mostly_one_value_is_divided() -> None:
    """Equal deciles give fewer groups, and every row is in one group."""
    values = np.concatenate([np.zeros(900), np.arange(1.0, 101.0)])
    groups, labels = number_groups(values)
    assert groups.min() == 0
    assert groups.max() == len(labels) - 1


def test_a_column_without_values_is_one_group() -> None:
    """A column without values has one group."""
    groups, labels = number_groups(np.full(3, np.nan))
    assert (groups.tolist(), labels) == ([0, 0, 0], ["missing"])


def test_relations_of_a_regression() -> None:
    """A feature that determines the yield is associated with it, and the groups contain all rows."""
    frame = orchard_frame(600)
    relations = {relation.name: relation for relation in relate(orchard_config(), frame)}
    assert list(relations) == [feature.name for feature in orchard_config().features]
    assert relations["age"].association > 0.8
    assert relations["age"].measure == "Spearman's ρ"
    assert relations["sort"].measure == "η"
    assert relations["age"].mutual_information > relations["soil"].mutual_information
    for relation in relations.values():
        assert sum(item.rows for item in relation.bins) == 600
    assert relations["slope"].bins[-1].label == "missing"


def test_relations_of_two_classes() -> None:
    """The share of the second class is shown, with its sign in the association."""
    relations = {relation.name: relation for relation in relate(seedling_config(), seedling_frame(600))}
    height = relations["height"]
    assert height.measure == "2·AUC - 1"
    assert height.association < -0.1
    assert all(0 <= item.target[0].low <= item.target[0].value <= item.target[0].high <= 1 for item in height.bins)
    assert relations["bed"].measure == "Cramér's V"
    assert shown_classes(seedling_config()) == ("died",)


def test_relations_of_three_classes() -> None:
    """With more classes each class has its share, and the shares add up to 1."""
    config = seedling_config()
    classes = [*(item.model_dump() for item in config.target.classes or ()), {"value": "lost", "label": "lost"}]
    config = seedling_config(
        target={**config.target.model_dump(), "classes": classes}, decision={"by": "most_probable"}
    )
    frame = seedling_frame(400)
    frame.loc[frame.index[:100], "fate"] = 2.0
    relations = relate(config, frame)
    assert relations[0].measure == "η"
    for item in relations[0].bins:
        assert sum(part.value for part in item.target) == pytest.approx(1)
    assert len(shown_classes(config)) == 3


def test_columns_without_information_have_no_association() -> None:
    """A constant and an empty column have no association and no information."""
    frame = orchard_frame(100)
    frame["age"] = 5.0
    frame["slope"] = np.nan
    relations = {relation.name: relation for relation in relate(orchard_config(), frame)}
    for name in ("age", "slope"):
        assert np.isnan(relations[name].association)
        assert relations[name].mutual_information == 0


def test_rare_categories_are_combined() -> None:
    """At most ten categories have their own group."""
    frame = orchard_frame(300)
    frame["soil"] = pd.Series([f"s{index % 30}" for index in range(300)], dtype=object)
    soil = next(relation for relation in relate(orchard_config(), frame) if relation.name == "soil")
    assert [item.label for item in soil.bins][-1] == "others"
    assert len(soil.bins) == 11
    assert sum(item.rows for item in soil.bins) == 300


def test_the_interval_of_a_mean() -> None:
    """The interval is Student's; a single value has no width, and no values have no mean."""
    interval = mean_interval(np.array([1.0, 2.0, 3.0]))
    assert interval.value == 2
    assert interval.high - 2 == pytest.approx(4.302653 / np.sqrt(3))
    assert mean_interval(np.array([4.0])).low == 4
    assert np.isnan(mean_interval(np.array([])).value)


def test_the_interval_of_a_share() -> None:
    """The interval is Wilson's: within 0 and 1, with a width also for no hits or hits only."""
    interval = share_interval(0, 10)
    assert (interval.value, interval.low) == (0, 0)
    assert interval.high == pytest.approx(0.2775, abs=1e-4)
    assert share_interval(10, 10).high == pytest.approx(1)
    assert np.isnan(share_interval(0, 0).value)


def test_interval_of_a_share_contains_the_share() -> None:
    """For no hits and for hits only the share stays inside its interval in spite of rounding."""
    for rows in range(1, 200):
        for hits in (0, rows):
            interval = share_interval(hits, rows)
            assert interval.low <= interval.value <= interval.high
