"""Tests of the common form of two versions' answers."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from rollout.answers import AnswerForm
from tests.bundles import classifier_contract, orchard_contract, reference_of, with_output


def test_differences_of_numbers_are_relative() -> None:
    """The difference is relative to the larger number; two missing numbers are equal, and one is infinitely far."""
    contract = orchard_contract()
    form = AnswerForm(contract, reference_of(contract))
    old = form.array([100.0, 0.0, nan, nan, -10.0])
    new = form.array([90.0, 0.0, nan, 1.0, 10.0])
    differences, flips = form.differences(old, new)
    assert differences.tolist() == pytest.approx([0.1, 0.0, 0.0, inf, 2.0])
    assert not flips.any()


def test_numbers_are_counted_in_the_bins_of_the_reference() -> None:
    """The bins are the champion's quantiles; a number that is missing has the last bin."""
    contract = orchard_contract()
    form = AnswerForm(contract, reference_of(contract))  # its only edge is 1
    assert form.bin_names() == {"prediction": ["to 1", "above 1", "(not a number)"]}
    (indices,) = form.bin_indices(form.array([0.5, 1.0, 1.5, nan]))
    assert indices.tolist() == [0, 0, 1, 2]


def test_labels_in_another_order_are_the_same_labels() -> None:
    """A challenger that lists its labels in another order is compared by the labels, and by their probabilities."""
    champion, challenger = classifier_contract(("a", "b", "c")), classifier_contract(("c", "a", "b"))
    form = AnswerForm(champion, reference_of(champion))
    maps = form.label_map(challenger)
    old = form.array([[0.0, 0.6, 0.3, 0.1], [1.0, 0.2, 0.7, 0.1]])
    new = form.array([[1.0, 0.1, 0.6, 0.3], [0.0, 0.8, 0.1, 0.1]], maps)
    differences, flips = form.differences(old, new)
    assert flips.tolist() == [False, True]
    assert differences.tolist() == pytest.approx([0.0, 0.7])
    assert (form.text(old[0]), form.text(new[1])) == ("a (p = 0.600)", "c (p = 0.800)")


def test_a_label_that_the_champion_lacks_has_a_bin_of_its_own() -> None:
    """A new label of the challenger differs from all labels of the champion."""
    champion = classifier_contract(("a", "b"), probabilities=False)
    challenger = classifier_contract(("b", "new"), probabilities=False)
    form = AnswerForm(champion, reference_of(champion))
    new = form.array([[0.0], [1.0]], form.label_map(challenger))
    differences, flips = form.differences(form.array([[1.0], [1.0]]), new)
    assert flips.tolist() == [False, True]
    assert differences.tolist() == [0.0, 1.0]
    assert form.bin_indices(new)[0].tolist() == [1, 2]
    assert form.text(new[1]) == "(other)"


def test_each_of_several_targets_has_its_distribution() -> None:
    """Several numbers are counted by their names; the largest difference of a row counts."""
    contract = with_output(orchard_contract(), targets=[{"name": "apples"}, {"name": "pears"}], unit=None)
    single = reference_of(orchard_contract()).prediction
    form = AnswerForm(
        contract,
        reference_of(orchard_contract()).model_copy(update={"prediction": {"apples": single, "pears": single}}),
    )
    old, new = np.array([[1.0, 2.0], [2.0, 2.0]]), np.array([[1.0, 1.0], [2.0, 2.0]])
    differences, _ = form.differences(old, new)
    assert differences.tolist() == [0.5, 0.0]
    assert form.columns == ["apples", "pears"]
    assert [bins.tolist() for bins in form.bin_indices(old)] == [[0, 1], [1, 1]]


def test_other_kinds_of_answers_are_refused() -> None:
    """A challenger that answers labels cannot be compared with a champion that answers numbers."""
    contract = orchard_contract()
    form = AnswerForm(contract, reference_of(contract))
    with pytest.raises(ValueError, match="same kind"):
        form.label_map(classifier_contract())
