"""Labels inside ensembles: indices, values, votes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.export.written import run_value
from training.export import ExportError
from training.export.labels import in_classes, label_values, mean, spread, weighed_votes

INDEX = np.array([[0.0], [2.0], [1.0], [1.0]])


def test_index_into_the_ensembles_classes() -> None:
    """A member that knows some of the classes counts in its own."""
    got = run_value(lambda pen, value: in_classes(pen, value, ["b", "d", "e"], ["a", "b", "c", "d", "e"]), INDEX)
    np.testing.assert_array_equal(got, [[1.0], [4.0], [3.0], [3.0]])
    same = run_value(lambda pen, value: in_classes(pen, value, [3, 5, 9], [3, 5, 9]), INDEX)
    np.testing.assert_array_equal(same, INDEX)


def test_label_instead_of_its_index() -> None:
    """Numbers and booleans can be used as numbers, strings cannot."""
    got = run_value(lambda pen, value: label_values(pen, value, np.array([3, 1, 2])), INDEX)
    np.testing.assert_array_equal(got, [[3.0], [2.0], [1.0], [1.0]])
    with pytest.raises(ExportError, match="used as numbers"):
        run_value(lambda pen, value: label_values(pen, value, np.array(["a", "b", "c"])), INDEX)


def test_columns_spread_among_others() -> None:
    """What is not known is 0."""
    rows = np.array([[0.1, 0.9], [0.7, 0.3]])
    got = run_value(lambda pen, value: spread(pen, value, [2, 0], 3), rows)
    np.testing.assert_array_equal(got, [[0.9, 0.0, 0.1], [0.3, 0.0, 0.7]])


def test_votes_are_added_member_by_member() -> None:
    """In the members' order, so that 0.1 + 0.2 + 0.3 is what it is there."""
    weights = np.array([0.1, 0.2, 0.3])
    got = run_value(lambda pen, value: weighed_votes(pen, [value] * 3, weights, -weights / 2, 3), INDEX)
    total = 0.1 + 0.2 + 0.3
    against = -0.05 - 0.1 - 0.15
    np.testing.assert_array_equal(got, np.where(INDEX == [[0.0, 1.0, 2.0]], total, against))


def test_mean_of_one_and_of_three() -> None:
    """The sum in order, over how many there are."""
    np.testing.assert_array_equal(run_value(lambda pen, value: mean(pen, [value], 1), INDEX), INDEX)
    got = run_value(lambda pen, value: mean(pen, [value, value, value], 3), INDEX + 0.1)
    np.testing.assert_array_equal(got, ((INDEX + 0.1) + (INDEX + 0.1) + (INDEX + 0.1)) / 3)
