"""Prediction intervals and prediction sets of many rows, computed by the functions that the service uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tabento.bundle.contract import Contract
from tabento.bundle.interval import IntervalTable
from tabento.bundle.prediction_set import set_members


def interval_ends(contract: Contract, answers: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ends of the intervals of many rows, digit for digit as the service answers them: float64 of shape (N, 2).

    Args:
        contract: a contract with ``output.interval``.
        answers: finite answers of the model, shape (N,).
        rows: the packed rows, shape (N, F).

    Raises:
        ValueError: the contract has no intervals.
    """
    interval, column = contract.output.interval, contract.interval_column
    if interval is None:
        raise ValueError("expected a contract with `output.interval`, got one without it")
    by = None if column is None else rows[:, column].tolist()
    return np.array(IntervalTable(interval).all_ends(answers.tolist(), by), dtype=np.float64).reshape(-1, 2)


def prediction_sets(contract: Contract, answers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the prediction sets of many rows as the service answers them: bool of shape (N, C), True for a label in the set.

    Args:
        contract: a contract with ``output.prediction_set``.
        answers: the model's answers, shape (N, 1 + C).

    Raises:
        ValueError: the contract has no prediction sets.
    """
    prediction_set = contract.output.prediction_set
    if prediction_set is None:
        raise ValueError("expected a contract with `output.prediction_set`, got one without it")
    thresholds = prediction_set.thresholds
    members = [set_members(thresholds, row) for row in answers.tolist()]
    return np.array(members, dtype=bool).reshape(-1, len(thresholds))
