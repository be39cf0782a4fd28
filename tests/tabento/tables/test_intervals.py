"""The intervals and sets of many rows are those that one row gets."""

from __future__ import annotations

import numpy as np
import pytest

from tabento.bundle.contract import Interval, PredictionSet
from tabento.bundle.interval import IntervalGroup, IntervalTable
from tabento.tables.intervals import interval_ends, prediction_sets
from tests.bundles import classifier_contract, orchard_contract, with_output

BY_AGE = Interval(
    coverage=0.9,
    by="age",
    by_edges=(30.0,),
    groups=(
        IntervalGroup(edges=(50.0,), lower=(-0.1, -0.3), upper=(0.2, 0.7)),
        IntervalGroup(lower=(-5.0,), upper=(6.0,)),
        IntervalGroup(lower=(-7.0,), upper=(0.0,)),
    ),
)


def test_ends_are_those_of_each_row() -> None:
    """Each row has the ends of its own answer and age."""
    contract = with_output(orchard_contract(), interval=BY_AGE.model_dump())
    generator = np.random.default_rng(0)
    rows = generator.uniform(1, 60, (50, len(contract.features)))
    answers = generator.uniform(0, 100, 50)
    table = IntervalTable(BY_AGE)
    expected = [table.ends(answer, row[0]) for answer, row in zip(answers.tolist(), rows.tolist(), strict=True)]
    np.testing.assert_array_equal(interval_ends(contract, answers, rows), expected)


def test_sets_are_those_of_each_row() -> None:
    """Each row has its own labels, in the order of the classes."""
    contract = with_output(
        classifier_contract(), prediction_set=PredictionSet(coverage=0.9, thresholds=(0.5, 0.2, 0.4)).model_dump()
    )
    answers = np.array([[0.0, 0.7, 0.2, 0.1], [2.0, 0.1, 0.1, 0.3]])
    np.testing.assert_array_equal(prediction_sets(contract, answers), [[True, True, False], [False, False, True]])


def test_contract_without_tables_is_an_error() -> None:
    """A contract that has no intervals or sets says so."""
    with pytest.raises(ValueError, match=r"output\.interval"):
        interval_ends(orchard_contract(), np.zeros(1), np.zeros((1, 7)))
    with pytest.raises(ValueError, match=r"output\.prediction_set"):
        prediction_sets(classifier_contract(), np.zeros((1, 4)))
