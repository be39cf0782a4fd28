"""Metrics of a regression, in the target's unit and in percent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

WITHIN_PERCENT = (5, 10, 15)
"""Bounds of the shares ``within_…``, in percent of the actual value."""


def regression_metrics(actual: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Measure predictions against actual values, both of shape (N,), as float64.

    With e = actual - predicted:

    - ``mae``: mean |e|, in the target's unit.
    - ``rmse``: √ mean e², in the target's unit.
    - ``r2``: 1 - Σ e² / Σ (actual - mean actual)², the coefficient of determination; at most 1. Where all actual values
      are equal it is 1 for perfect predictions and else 0, as scikit-learn has it.
    - ``mape``: mean |e / actual|, percent (Hyndman & Koehler, Another look at measures of forecast accuracy, 2006).
    - ``smape``: mean 2|e| / (|actual| + |predicted|), percent, 0 to 200 (Makridakis & Hibon, The M3-Competition, 2000;
      absolute values in the denominator keep it bounded for negative numbers).
    - ``wmape``: Σ |e| / Σ |actual|, percent (Kolassa & Schütz, Advantages of the MAD/mean ratio over the MAPE, 2007).
    - ``median_ape``: median |e / actual|, percent.
    - ``within_5``, ``within_10``, ``within_15``: the share of rows with |e / actual| of at most that, percent.
    - ``zero_targets``: how many rows have an actual value of 0. They are left out of ``mape``, ``smape``,
      ``median_ape`` and ``within_…``: a percentage of nothing is undefined, and a small number put in its place would
      drown all other rows. ``wmape`` divides by the sum and keeps them.

    Raises:
        ValueError: the shapes differ or are not (N,), there are no rows, a value is not finite, or every actual value
            is 0.
    """
    a = np.asarray(actual, dtype=np.float64)
    p = np.asarray(predicted, dtype=np.float64)
    if a.ndim != 1 or a.shape != p.shape or not a.size:
        raise ValueError(f"expected actual and predicted of the same shape (N,), N > 0, got {a.shape} and {p.shape}")
    for name, values in (("actual", a), ("predicted", p)):
        wrong = np.flatnonzero(~np.isfinite(values))
        if wrong.size:
            raise ValueError(
                f"expected finite numbers, got {values[wrong[0]]} in {name} at index {wrong[0]}"
                f" ({wrong.size:,} of {values.size:,} are not finite)"
            )
    rated = a != 0
    if not rated.any():
        raise ValueError(f"every one of the {a.size:,} actual values is 0, so no percentage error is defined")

    error = np.abs(a - p)
    share = error[rated] / np.abs(a[rated])
    metrics = {
        "mae": error.mean(),
        "rmse": np.sqrt(np.mean(error**2)),
        "r2": _r2(a, error),
        "mape": 100 * share.mean(),
        "smape": 100 * np.mean(2 * error[rated] / (np.abs(a[rated]) + np.abs(p[rated]))),
        "wmape": 100 * error.sum() / np.abs(a).sum(),
        "median_ape": 100 * np.median(share),
        **{f"within_{bound}": 100 * np.mean(100 * share <= bound) for bound in WITHIN_PERCENT},
        "zero_targets": np.count_nonzero(~rated),
    }
    return {name: float(value) for name, value in metrics.items()}


def _r2(actual: NDArray[np.float64], error: NDArray[np.float64]) -> float:
    total = float(np.sum((actual - actual.mean()) ** 2))
    rest = float(np.sum(error**2))
    if total == 0:
        return 1.0 if rest == 0 else 0.0
    return 1 - rest / total
