"""Labels inside ensembles: indices, values, votes."""

from __future__ import annotations

import numpy as np
import pytest

from tabento.export import ExportError
from tabento.export.formulas.class_indices import index_in_classes, label_values, mean, spread_columns, weighted_votes
from tests.tabento.export.estimator_graphs import run_value

INDEX = np.array([[0.0], [2.0], [1.0], [1.0]])


def test_index_into_the_ensembles_classes() -> None:
    """The labels of a member that has only some of the classes become indices of the ensemble's classes."""
    got = run_value(
        lambda writer, value: index_in_classes(writer, value, ["b", "d", "e"], ["a", "b", "c", "d", "e"]), INDEX
    )
    np.testing.assert_array_equal(got, [[1.0], [4.0], [3.0], [3.0]])
    same = run_value(lambda writer, value: index_in_classes(writer, value, [3, 5, 9], [3, 5, 9]), INDEX)
    np.testing.assert_array_equal(same, INDEX)


def test_label_instead_of_its_index() -> None:
    """Numbers and booleans can be used as numbers, strings cannot."""
    got = run_value(lambda writer, value: label_values(writer, value, np.array([3, 1, 2])), INDEX)
    np.testing.assert_array_equal(got, [[3.0], [2.0], [1.0], [1.0]])
    with pytest.raises(ExportError, match="used as numbers"):
        run_value(lambda writer, value: label_values(writer, value, np.array(["a", "b", "c"])), INDEX)


def test_columns_spread_among_others() -> None:
    """The columns of unknown classes are 0."""
    rows = np.array([[0.1, 0.9], [0.7, 0.3]])
    got = run_value(lambda writer, value: spread_columns(writer, value, [2, 0], 3), rows)
    np.testing.assert_array_equal(got, [[0.9, 0.0, 0.1], [0.3, 0.0, 0.7]])


def test_votes_are_added_member_by_member() -> None:
    """Votes are added in the members' order, so that 0.1 + 0.2 + 0.3 has the same bits as in scikit-learn."""
    weights = np.array([0.1, 0.2, 0.3])
    got = run_value(lambda writer, value: weighted_votes(writer, [value] * 3, weights, -weights / 2, 3), INDEX)
    total = 0.1 + 0.2 + 0.3
    against = -0.05 - 0.1 - 0.15
    np.testing.assert_array_equal(got, np.where(INDEX == [[0.0, 1.0, 2.0]], total, against))


def test_mean_of_one_and_of_three() -> None:
    """The sum in order, over how many there are."""
    np.testing.assert_array_equal(run_value(lambda writer, value: mean(writer, [value], 1), INDEX), INDEX)
    got = run_value(lambda writer, value: mean(writer, [value, value, value], 3), INDEX + 0.1)
    np.testing.assert_array_equal(got, ((INDEX + 0.1) + (INDEX + 0.1) + (INDEX + 0.1)) / 3)
