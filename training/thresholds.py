"""Decision thresholds: from which probability on a binary classification answers its positive class.

The threshold is chosen on probabilities of cross-validation inside the training part: each row is judged by a model that
has not seen it, as rows will be in service. On the training rows' own answers an overfitted model looks sure of itself,
and the threshold would come out too extreme. The test part must not be looked at either: a threshold chosen there fits
its chance, and its figures would no longer say what new rows are worth (Elkan, The foundations of cost-sensitive
learning, 2001, for costs; Lipton et al., Thresholding classifiers to maximize F1 score, 2014, for F1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from training.config import Decision
from training.errors import TrainingError

FOLDS = 5
"""The folds of the cross-validation inside the training part."""


class ThresholdError(TrainingError):
    """A decision threshold cannot be chosen on the training rows."""


def _nothing_compared() -> NDArray[np.float64]:
    return np.empty((0, 2))


@dataclass(frozen=True)
class ThresholdChoice:
    """A chosen threshold, and what the others would have given."""

    threshold: float | None
    """The positive class is answered from this probability on; None: the most probable class is answered."""
    figure: float | None = None
    """The F1 (0 to 1) or the mean cost per row that it reached on the held-out rows; None where nothing was compared."""
    curve: NDArray[np.float64] = field(default_factory=_nothing_compared, compare=False)
    """Shape (T, 2), ascending: each threshold that was compared, with its figure."""


def choose_threshold(
    decision: Decision,
    fit: Callable[[NDArray[np.intp]], Any],
    frame: pd.DataFrame,
    positive: NDArray[np.bool_],
    seed: int,
) -> ThresholdChoice:
    """Choose the threshold that a config asks for.

    Args:
        decision: how it is chosen.
        fit: fits a model on the rows at some positions; it has ``predict_proba``.
        frame: the training part's features, N rows.
        positive: shape (N,): which of them are of the positive class.
        seed: of the folds.

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

    Arguments and errors are those of ``choose_threshold``.
    """
    fewest = int(min(positive.sum(), (~positive).sum()))
    if fewest < FOLDS:
        raise ThresholdError(
            f"decision: expected at least {FOLDS} training rows of each class to choose a threshold, got {fewest}:"
            " take more rows, or `by: fixed` with a threshold of your own"
        )
    probabilities = np.empty(len(frame))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for seen, held_out in folds.split(np.zeros((len(frame), 1)), positive):
        probabilities[held_out] = fit(seen).predict_proba(frame.iloc[held_out])[:, 1]
    return probabilities


def best_threshold(
    decision: Decision, positive: NDArray[np.bool_], probabilities: NDArray[np.float64]
) -> ThresholdChoice:
    """Return the threshold with the highest F1 or the lowest cost per row.

    Compared are the middles between neighbouring probabilities, and one threshold outside all of them on either side: what
    a threshold answers changes nowhere else. Of equally good ones the nearest to 0.5 is taken. It lies inside (0, 1).

    Args:
        decision: ``by: f1`` or ``by: cost``.
        positive: shape (N,): which rows are of the positive class.
        probabilities: shape (N,): the positive class's probability.

    Raises:
        ValueError: the decision compares nothing, the shapes differ or there are no rows.
    """
    if decision.by not in ("f1", "cost"):
        raise ValueError(f"expected a decision by f1 or cost, got {decision.by!r}")
    if positive.shape != probabilities.shape or positive.ndim != 1 or not positive.size:
        raise ValueError(f"expected two shapes (N,), N > 0, got {positive.shape} and {probabilities.shape}")
    thresholds = _candidates(probabilities)
    ascending = np.sort(probabilities[positive]), np.sort(probabilities[~positive])
    # A row is answered positive where its probability is not below the threshold.
    missed, refused = (np.searchsorted(values, thresholds, side="left") for values in ascending)
    false_positives = len(ascending[1]) - refused
    if decision.by == "f1":
        hits = len(ascending[0]) - missed
        figures = 2 * hits / np.maximum(2 * hits + false_positives + missed, 1)
        best = figures.max()
    else:
        assert decision.false_positive_cost is not None
        assert decision.false_negative_cost is not None
        costs = decision.false_positive_cost * false_positives + decision.false_negative_cost * missed
        figures = costs / len(positive)
        best = figures.min()
    equal = np.flatnonzero(figures == best)
    at = equal[np.argmin(np.abs(thresholds[equal] - 0.5))]
    return ThresholdChoice(float(thresholds[at]), float(best), np.stack([thresholds, figures], axis=1))


def _candidates(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the thresholds that differ in what they answer, ascending, inside (0, 1)."""
    distinct = np.unique(probabilities)
    low, high = distinct[:-1], distinct[1:]
    middle = low + (high - low) / 2
    # The middle of two neighbours among the doubles is one of them; the upper one still tells them apart.
    middle = np.where(middle > low, middle, high)
    outside = [distinct[0] / 2, (distinct[-1] + 1) / 2]
    found = np.unique([*middle, *outside])
    inside = found[(found > 0) & (found < 1)]
    return inside if inside.size else np.array([0.5])
