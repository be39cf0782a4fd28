"""Repeated answers, alone and in a dozen batches; and knife edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.judge.answers import Owner
from benchmarks.judge.repeated_answers import BATCHES, Limits, is_knife_edge, repeated_answers
from benchmarks.judge.space import Space
from tests.benchmarks.judge.conftest import contract_of

Numbers = NDArray[np.float64]


def test_answers_of_every_batch_are_in_order(sample: pd.DataFrame, target: Numbers) -> None:
    """A pipeline without sums gives the same answer thirteen times."""
    contract = contract_of((False, True), probabilities=True)
    owner = Owner(KNeighborsClassifier(3).fit(sample, target > 20), Space.from_contract(contract, sample, {}))
    rows = owner.space.matrix(sample)
    answers = repeated_answers(owner, rows[:10], rows, np.random.default_rng(1))
    assert answers.shape == (len(BATCHES) + 1, 10, 3)
    assert (answers == answers[0]).all()


def test_a_decision_at_zero_is_a_knife_edge(sample: pd.DataFrame, target: Numbers) -> None:
    """A row with another label next to it is a knife edge; a row far from the boundary is not."""
    contract = contract_of((False, True), probabilities=True)
    model = LogisticRegression(max_iter=500).fit(sample, target > np.median(target))
    owner = Owner(model, Space.from_contract(contract, sample, {}))
    row = owner.space.matrix(sample)[0]
    # The decision is 0 if the first column is moved by this amount.
    on_edge = row.copy()
    on_edge[0] -= model.decision_function(sample.iloc[:1])[0] / model.coef_[0, 0]
    draw = np.random.default_rng(1)
    label = owner.answers(on_edge[np.newaxis])[0, 0]
    assert is_knife_edge(owner, owner.space, on_edge, label, 1e-9, draw)
    assert not is_knife_edge(owner, owner.space, row + 30, 1.0, 1e-9, draw)


def test_a_tie_of_votes_is_not_a_knife_edge(sample: pd.DataFrame) -> None:
    """If two neighbours have one vote each, the label does not change next to the row, so one answer is right."""
    contract = contract_of((False, True), probabilities=True)
    labels = np.arange(len(sample)) % 2 == 0
    model = KNeighborsClassifier(2).fit(sample, labels)
    owner = Owner(model, Space.from_contract(contract, sample, {}))
    rows = owner.space.matrix(sample) + 1e-3
    tied = rows[owner.answers(rows)[:, 1] == 0.5][0]
    assert owner.margin(tied[np.newaxis]) == 0
    assert not is_knife_edge(owner, owner.space, tied, 0.0, 1e-9, np.random.default_rng(1))


def test_a_difference_is_relative_to_a_usual_answer() -> None:
    """Next to zero a difference is relative to the usual magnitude; NaN equals only NaN."""
    limits = Limits(1e-9, 1e-9, np.array([1.0]), labelled=False)
    first, second = (
        np.array([[1e-12], [1.0], [np.nan], [np.nan], [np.inf]]),
        np.array([[2e-12], [1.1], [np.nan], [0.0], [np.inf]]),
    )
    assert limits.differences(first, second).ravel().tolist() == [False, True, False, True, False]
