"""The answers of two models to the same rows are counted as in a shadow."""

from __future__ import annotations

import numpy as np
import pytest

from tabento.bundle.contract import Contract, OutputTarget
from tests.bundles import classifier_contract, orchard_contract
from training.gate.differing_answers import compare_answers, in_words


def test_numbers_differ_by_more_than_a_tenth() -> None:
    """A number that is 5% higher is alike, one that is 50% higher differs."""
    pairs = compare_answers(orchard_contract(), np.array([1.0, 1.0, 1.0, 1.0]), np.array([1.0, 1.05, 1.5, 1.0]))
    assert (pairs.compared, pairs.differing, pairs.flips) == (4, 1, 0)
    assert in_words(pairs) == "25.0% of the rows get another answer, by more than 10% or another label"


def test_labels_differ_by_their_index() -> None:
    """Another label differs; other probabilities of the same label do not."""
    champion = np.array([[0.0, 0.6, 0.4], [1.0, 0.1, 0.9]])
    model = np.array([[0.0, 0.9, 0.1], [0.0, 0.6, 0.4]])
    pairs = compare_answers(classifier_contract(("a", "b")), champion, model)
    assert (pairs.differing, pairs.flips) == (1, 1)
    assert in_words(pairs) == "50.0% of the rows get another label"


@pytest.mark.parametrize("classes", [None, ("x", "y")])
def test_several_targets_differ_if_one_does(classes: tuple[str, ...] | None) -> None:
    """A row of several targets differs by its most different one."""
    content = orchard_contract().model_dump(mode="json", exclude_unset=True)
    targets = [OutputTarget(name=name, classes=classes).model_dump(mode="json", exclude_unset=True) for name in "ab"]
    content["output"] = {"name": "both", "targets": targets}
    if classes is not None:
        content["task"] = "classification"
    contract = Contract.model_validate(content)
    pairs = compare_answers(contract, np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 1.0]]))
    assert (pairs.differing, pairs.flips) == (1, 0 if classes is None else 1)
