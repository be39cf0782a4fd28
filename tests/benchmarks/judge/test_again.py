"""Asking again: alone and in a dozen batches; and what a knife edge is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.judge.again import BATCHES, Limits, answers_again, is_knife_edge
from benchmarks.judge.ask import Owner
from benchmarks.judge.space import Space
from tests.benchmarks.judge.conftest import contract_of

Numbers = NDArray[np.float64]


def test_answers_come_back_in_order_from_every_batch(sample: pd.DataFrame, target: Numbers) -> None:
    """A pipeline that sums nothing gives the same answer thirteen times."""
    contract = contract_of((False, True), probabilities=True)
    owner = Owner(KNeighborsClassifier(3).fit(sample, target > 20), Space.of(contract, sample, {}))
    rows = owner.space.matrix(sample)
    again = answers_again(owner, rows[:10], rows, np.random.default_rng(1))
    assert again.shape == (len(BATCHES) + 1, 10, 3)
    assert (again == again[0]).all()


def test_a_decision_at_zero_is_a_knife_edge(sample: pd.DataFrame, target: Numbers) -> None:
    """The label next to it is another; a row in the middle of its side is none."""
    contract = contract_of((False, True), probabilities=True)
    model = LogisticRegression(max_iter=500).fit(sample, target > np.median(target))
    owner = Owner(model, Space.of(contract, sample, {}))
    row = owner.space.matrix(sample)[0]
    # Solved for the first column.
    on_edge = row.copy()
    on_edge[0] -= model.decision_function(sample.iloc[:1])[0] / model.coef_[0, 0]
    draw = np.random.default_rng(1)
    label = owner.answers(on_edge[np.newaxis])[0, 0]
    assert is_knife_edge(owner, owner.space, on_edge, label, 1e-9, draw)
    assert not is_knife_edge(owner, owner.space, row + 30, 1.0, 1e-9, draw)


def test_a_tie_of_votes_is_no_knife_edge(sample: pd.DataFrame) -> None:
    """Two neighbours with one vote each: the label does not change next to the row, so there is one right answer."""
    contract = contract_of((False, True), probabilities=True)
    labels = np.arange(len(sample)) % 2 == 0
    model = KNeighborsClassifier(2).fit(sample, labels)
    owner = Owner(model, Space.of(contract, sample, {}))
    rows = owner.space.matrix(sample) + 1e-3
    tied = rows[owner.answers(rows)[:, 1] == 0.5][0]
    assert owner.margin(tied[np.newaxis]) == 0
    assert not is_knife_edge(owner, owner.space, tied, 0.0, 1e-9, np.random.default_rng(1))


def test_what_is_apart_is_relative_to_a_usual_answer() -> None:
    """Next to zero a difference is taken of the usual magnitude; NaN equals NaN, and nothing else."""
    limits = Limits(1e-9, 1e-9, np.array([1.0]), labelled=False)
    first, second = (
        np.array([[1e-12], [1.0], [np.nan], [np.nan], [np.inf]]),
        np.array([[2e-12], [1.1], [np.nan], [0.0], [np.inf]]),
    )
    assert limits.apart(first, second).ravel().tolist() == [False, True, False, True, False]
