"""The interval of a mean over the folds of a repeated cross-validation.

Folds share most of their training rows, so their scores are not independent, and the variance of a plain t interval is far
too small. The corrected resampled t statistic adds the share of rows that change between two folds:
C. Nadeau and Y. Bengio, Inference for the Generalization Error, Machine Learning 52 (2003) 239-281. It was derived for
random splits; R. R. Bouckaert and E. Frank, Evaluating the Replicability of Significance Tests for Comparing Learning
Algorithms, PAKDD 2004, use it for repeated k-fold, as this module does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t


@dataclass(frozen=True)
class Interval:
    """A mean over folds with its interval."""

    mean: float
    sd: float
    """The standard deviation over the folds, with J - 1 degrees of freedom."""
    low: float
    high: float


def corrected_interval(values: Sequence[float], folds: int, confidence: float = 0.95) -> Interval:
    """Return the mean of J = folds · repeats scores with its corrected resampled t interval.

    The variance of the mean is (1 / J + n_test / n_train) · s², with n_test / n_train = 1 / (folds - 1), and t has
    J - 1 degrees of freedom.

    Args:
        values: J scores, one for each fold of each repeat, in any unit.
        folds: the number of parts of the rows, at least 2.
        confidence: the share of intervals that contain the true mean.

    Raises:
        ValueError: fewer than two values, fewer than two folds, a value that is not finite, or an impossible confidence.
    """
    figures = np.asarray(values, dtype=np.float64)
    if figures.ndim != 1 or figures.size < 2 or not np.isfinite(figures).all():
        raise ValueError(f"expected at least two finite scores, got {list(values)}")
    if folds < 2 or not 0 < confidence < 1:
        raise ValueError(f"expected at least 2 folds and a confidence between 0 and 1, got {folds} and {confidence}")
    mean, sd = float(figures.mean()), float(figures.std(ddof=1))
    half = float(t.ppf((1 + confidence) / 2, figures.size - 1)) * sd * math.sqrt(1 / figures.size + 1 / (folds - 1))
    return Interval(mean, sd, mean - half, mean + half)
