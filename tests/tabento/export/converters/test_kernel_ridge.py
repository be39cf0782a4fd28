"""Kernel ridge regression: every supported kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from tabento.export import ExportError
from tests.tabento.export.estimator_graphs import check, table, target, write

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"kernel": "rbf"},
        {"kernel": "rbf", "gamma": 300.0},
        {"kernel": "laplacian"},
        {"kernel": "poly", "degree": 2},
        {"kernel": "polynomial", "gamma": 0.5, "coef0": 2.0},
        {"kernel": "sigmoid", "gamma": 0.05},
        {"kernel": "cosine"},
    ],
    ids=str,
)
def test_regressor(change: dict[str, Any]) -> None:
    """One target and several targets agree."""
    check(KernelRidge(**change).fit(ROWS[:200], NUMBERS[:200]), ROWS)
    check(KernelRidge(**change).fit(ROWS[:200], np.column_stack([NUMBERS, -2 * NUMBERS])[:200]), ROWS)


@pytest.mark.parametrize("kernel", ["chi2", lambda a, b: float(a @ b)], ids=["rare", "callable"])
def test_unknown_kernel_is_refused(kernel: Any) -> None:
    """The error names an unknown kernel."""
    with pytest.raises(ExportError, match="nothing is known about the kernel"):
        write(KernelRidge(kernel=kernel, gamma=1.0).fit(np.abs(ROWS[:30]), NUMBERS[:30]), 6)
