"""Decision thresholds: the lowest probability for which a binary classification answers its positive class.

The threshold is chosen on probabilities of cross-validation inside the training part: each row is predicted by a model that
has not seen it, as in service. On its own training rows an overfitted model has extreme probabilities, and the threshold
would be too extreme. The test part is not used either: a threshold chosen there would fit its random variation, and the
test metrics would be too good for new rows (Elkan, The foundations of cost-sensitive learning, 2001, for costs; Lipton et
al., Thresholding classifiers to maximize F1 score, 2014, for F1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from tabento.errors import TabentoError
from training.config import Decision

FOLDS = 5
"""The number of folds of the cross-validation inside the training part."""


class ThresholdError(TabentoError):
    """A decision threshold cannot be chosen on the training rows."""


def _empty_curve() -> NDArray[np.float64]:
    return np.empty((0, 2))


@dataclass(frozen=True)
class ThresholdChoice:
    """A chosen threshold, with the scores of all compared thresholds."""

    threshold: float | None
    """The lowest probability for which the positive class is answered; None: the most probable class is answered."""
    figure: float | None = None
    """The F1 (0 to 1) or the mean cost per row of the held-out rows; None if no thresholds were compared."""
    curve: NDArray[np.float64] = field(default_factory=_empty_curve, compare=False)
    """Shape (T, 2), ascending: each compared threshold, with its F1 or cost."""


def choose_threshold(
    decision: Decision,
    fit: Callable[[NDArray[np.intp]], Any],
    frame: pd.DataFrame,
    positive: NDArray[np.bool_],
    seed: int,
) -> ThresholdChoice:
    """Choose the threshold that a config requires.

    Args:
        decision: the rule of the choice.
        fit: returns a model with ``predict_proba``, fitted on the rows at the given positions.
        frame: the training part's features, N rows.
        positive: shape (N,): True for rows of the positive class.
        seed: the seed of the folds.

    Raises:
        ThresholdError: a class has fewer rows than there are folds.
    """
    if decision.by == "most_probable":
        return ThresholdChoice(None)
    if decision.by == "fixed":
        return ThresholdChoice(decision.threshold)
    return best_threshold(decision, positive, out_of_fold_probabilities(fit, frame, positive, seed))


def out_of_fold_probabilities(
    fit: Callable[[NDArray[np.intp]], Any], frame: pd.DataFrame, positive: NDArray[np.bool_], seed: int
) -> NDArray[np.float64]:
    """Return the positive class's probability of each row by a model that has not seen it, shape (N,).

    For arguments and errors see ``choose_threshold``.
    """
    smallest_class = int(min(positive.sum(), (~positive).sum()))
    if smallest_class < FOLDS:
        raise ThresholdError(
            f"decision: expected at least {FOLDS} training rows of each class to choose a threshold, got {smallest_class}:"
            " use more rows, or `by: fixed` with your own threshold"
        )
    probabilities = np.empty(len(frame))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for train_rows, held_out in folds.split(np.zeros((len(frame), 1)), positive):
        probabilities[held_out] = fit(train_rows).predict_proba(frame.iloc[held_out])[:, 1]
    return probabilities


def best_threshold(
    decision: Decision, positive: NDArray[np.bool_], probabilities: NDArray[np.float64]
) -> ThresholdChoice:
    """Return the threshold with the highest F1 or the lowest cost per row.

    The candidates are the midpoints between adjacent probabilities, and one threshold outside all of them on either side:
    the predicted labels change nowhere else. Of equally good thresholds the nearest to 0.5 is chosen. It is inside (0, 1).

    Args:
        decision: ``by: f1`` or ``by: cost``.
        positive: shape (N,): True for rows of the positive class.
        probabilities: shape (N,): the positive class's probability.

    Raises:
        ValueError: the decision has another rule, the shapes differ or there are no rows.
    """
    if decision.by not in ("f1", "cost"):
        raise ValueError(f"expected a decision by f1 or cost, got {decision.by!r}")
    if positive.shape != probabilities.shape or positive.ndim != 1 or not positive.size:
        raise ValueError(f"expected two shapes (N,), N > 0, got {positive.shape} and {probabilities.shape}")
    thresholds = _candidates(probabilities)
    ascending = np.sort(probabilities[positive]), np.sort(probabilities[~positive])
    # A row is predicted positive if its probability is not below the threshold.
    missed, true_negatives = (np.searchsorted(values, thresholds, side="left") for values in ascending)
    false_positives = len(ascending[1]) - true_negatives
    if decision.by == "f1":
        hits = len(ascending[0]) - missed
        scores = 2 * hits / np.maximum(2 * hits + false_positives + missed, 1)
        best = scores.max()
    else:
        assert decision.false_positive_cost is not None
        assert decision.false_negative_cost is not None
        costs = decision.false_positive_cost * false_positives + decision.false_negative_cost * missed
        scores = costs / len(positive)
        best = scores.min()
    best_indices = np.flatnonzero(scores == best)
    index = best_indices[np.argmin(np.abs(thresholds[best_indices] - 0.5))]
    return ThresholdChoice(float(thresholds[index]), float(best), np.stack([thresholds, scores], axis=1))


def _candidates(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one threshold for each possible set of predicted labels, ascending, inside (0, 1)."""
    distinct = np.unique(probabilities)
    low, high = distinct[:-1], distinct[1:]
    middle = low + (high - low) / 2
    # The midpoint of two adjacent doubles equals one of them; the upper one still separates them.
    middle = np.where(middle > low, middle, high)
    outside = [distinct[0] / 2, (distinct[-1] + 1) / 2]
    candidates = np.unique([*middle, *outside])
    valid = candidates[(candidates > 0) & (candidates < 1)]
    return valid if valid.size else np.array([0.5])
