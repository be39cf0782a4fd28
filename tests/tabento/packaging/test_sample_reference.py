"""The reference of rows that are not a training part: a sample with or without its true answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabento.bundle.contract import Contract, Feature, Output
from tabento.bundle.reference import CategoryDistribution, NumberDistribution, check_reference
from tabento.packaging.reference import describe

FRAME = pd.DataFrame({"a": [1.0, 2.0, np.nan, 4.0], "c": pd.Series(["x", None, "x", "z"], dtype=object)})
FEATURES = (
    Feature(name="a", type="number", nullable=True),
    Feature(name="c", type="category", categories=("x", "y"), unknown="ignore", nullable=True),
)


def contract_of(output: Output) -> Contract:
    """A contract with some answer."""
    task = "regression" if output.classes is None else "classification"
    return Contract(name="m", title="M", description="", task=task, features=FEATURES, output=output)


def test_regression_has_numbers() -> None:
    """Features, answers and truth; without truth there is no target."""
    contract = contract_of(Output(name="y"))
    reference = describe(contract, FRAME, np.array([1.0, 2, 3, 4]), np.array([2.0, 2, 3, 3]))
    assert isinstance(reference.target, NumberDistribution)
    assert reference.target.mean == 2.5
    assert isinstance(reference.features["c"], CategoryDistribution)
    assert reference.features["c"].shares == {"x": pytest.approx(2 / 3), "y": 0.0, "(unknown)": pytest.approx(1 / 3)}
    check_reference(reference, contract)
    assert describe(contract, FRAME, np.array([1.0, 2, 3, 4]), None).target is None


def test_classification_has_shares_of_labels() -> None:
    """Each class by its JSON text, those never answered with 0, and the distribution of each probability."""
    contract = contract_of(Output(name="y", classes=(False, True), probabilities=True))
    answers = np.array([[0, 0.9, 0.1], [0, 0.8, 0.2], [0, 0.7, 0.3], [0, 0.6, 0.4]])
    reference = describe(contract, FRAME, answers, np.array([0.0, 0, 0, 1]))
    assert isinstance(reference.prediction, CategoryDistribution)
    assert reference.prediction.shares == {"false": 1.0, "true": 0.0}
    assert isinstance(reference.target, CategoryDistribution)
    assert reference.target.shares == {"false": 0.75, "true": 0.25}
    assert reference.probabilities is not None
    assert reference.probabilities["true"].mean == pytest.approx(0.25)
    check_reference(reference, contract)
