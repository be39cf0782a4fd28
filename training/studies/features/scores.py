"""Scores of candidates, and the rule by which the studies choose."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from training.model.metrics import HIGHER_IS_BETTER

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Score:
    """A candidate's score in cross-validation."""

    mean: float
    """The mean over the folds."""
    standard_error: float
    """The standard deviation over the folds, divided by the root of their number; 0 for one fold."""
    folds: tuple[float, ...]
    """The score in each fold."""


def score_of(values: Sequence[float]) -> Score:
    """Return the score of a candidate from its scores in the folds.

    Raises:
        ValueError: there are no folds.
    """
    if not len(values):
        raise ValueError("expected the scores of at least one fold, got none")
    figures = np.asarray(values, dtype=np.float64)
    error = float(figures.std(ddof=1) / np.sqrt(figures.size)) if figures.size > 1 else 0.0
    return Score(float(figures.mean()), error, tuple(figures.tolist()))


def best_of(metric: str, scores: Mapping[Key, Score]) -> Key:
    """Return the candidate with the best mean, the first of equals.

    Raises:
        ValueError: there are no candidates.
    """
    if not scores:
        raise ValueError("expected at least one candidate, got none")
    sign = 1 if metric in HIGHER_IS_BETTER else -1
    return max(scores, key=lambda key: sign * scores[key].mean)


def difference_error(score: Score, best: Score) -> float:
    """Return the standard error of the mean difference of two candidates, fold by fold; 0 for one fold.

    All candidates are scored on the same folds, and a difficult fold is difficult for all of them: the difference varies much less
    from fold to fold than the scores.

    Raises:
        ValueError: the candidates were scored on different numbers of folds.
    """
    if len(score.folds) != len(best.folds):
        raise ValueError(f"expected scores on the same folds, got {len(score.folds)} and {len(best.folds)} of them")
    return score_of(np.subtract(score.folds, best.folds).tolist()).standard_error


def within_one_standard_error(metric: str, scores: Mapping[Key, Score]) -> list[Key]:
    """Return the candidates that are worse than the best by at most one standard error, in their order.

    Candidates that differ by less than one standard error are tied, and the simpler one wins (L. Breiman et al., Classification
    and Regression Trees, 1984, the one-standard-error rule). The error is that of the difference from the best, see
    ``difference_error``: with the error of the best score alone, which includes the variance that all
    candidates share, candidates that are worse in every fold would be tied.

    Raises:
        ValueError: there are no candidates, or they were scored on different folds.
    """
    best = scores[best_of(metric, scores)]
    sign = 1 if metric in HIGHER_IS_BETTER else -1
    return [key for key, score in scores.items() if sign * (best.mean - score.mean) <= difference_error(score, best)]
