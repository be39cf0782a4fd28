"""Metrics of a regression, in the target's unit and in percent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

WITHIN_PERCENT = (5, 10, 15)
"""Bounds of the shares ``within_…``, in percent of the actual value."""


def regression_metrics(actual: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Measure predictions against actual values, both of shape (N,), as float64.

    With e = actual - predicted:

    - ``mae``: mean |e|, in the target's unit.
    - ``rmse``: √ mean e², in the target's unit.
    - ``r2``: 1 - Σ e² / Σ (actual - mean actual)², the coefficient of determination; at most 1. If all actual values are
      equal it is 1 for perfect predictions and 0 otherwise, as in scikit-learn; the same for a single row.
    - ``mape``: mean |e / actual|, percent (Hyndman & Koehler, Another look at measures of forecast accuracy, 2006).
    - ``smape``: mean 2|e| / (|actual| + |predicted|), percent, 0 to 200 (Makridakis & Hibon, The M3-Competition, 2000;
      absolute values in the denominator keep it bounded for negative numbers).
    - ``wmape``: Σ |e| / Σ |actual|, percent (Kolassa & Schütz, Advantages of the MAD/mean ratio over the MAPE, 2007).
    - ``median_ape``: median |e / actual|, percent.
    - ``within_5``, ``within_10``, ``within_15``: the share of rows with |e / actual| of at most that, percent.
    - ``zero_targets``: the number of rows with an actual value of 0. They are excluded from ``mape``, ``smape``,
      ``median_ape`` and ``within_…``: a percentage of 0 is undefined, and with a small number in place of 0 these rows would
      dominate all other rows. ``wmape`` divides by the sum and includes them.

    ``mae``, ``rmse`` and ``r2`` are scikit-learn's. Its ``mape`` divides by at least 2⁻⁵², which is wrong for tiny targets.

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
        "mae": mean_absolute_error(a, p),
        "rmse": root_mean_squared_error(a, p),
        # scikit-learn does not define R² of a single row.
        "r2": r2_score(a, p) if len(a) > 1 else error[0] == 0,
        "mape": 100 * share.mean(),
        "smape": 100 * np.mean(2 * error[rated] / (np.abs(a[rated]) + np.abs(p[rated]))),
        "wmape": 100 * error.sum() / np.abs(a).sum(),
        "median_ape": 100 * np.median(share),
        **{f"within_{bound}": 100 * np.mean(100 * share <= bound) for bound in WITHIN_PERCENT},
        "zero_targets": np.count_nonzero(~rated),
    }
    return {name: float(value) for name, value in metrics.items()}
