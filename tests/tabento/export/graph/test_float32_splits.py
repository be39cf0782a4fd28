"""Double thresholds for trees of libraries that round the rows to float32."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tabento.export.graph.float32_splits import float32_splits

LARGEST = float(np.finfo(np.float32).max)
POSITIVE = [0.0, 1.0, 5e-324, 1e-46, 1.5e-45, 1e-38, 0.1, 16777217.0, LARGEST, 3.4028235677973366e38, 1e39, 1e308]
SPECIAL = np.array([*POSITIVE, *(-value for value in POSITIVE), np.inf, 2.0])
GENERATOR = np.random.default_rng(0)
RANDOM = GENERATOR.normal(size=2000) * 10.0 ** GENERATOR.integers(-40, 38, 2000)
BETWEEN = RANDOM.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize(
    "thresholds",
    [SPECIAL, RANDOM, BETWEEN, (RANDOM + BETWEEN) / 2],
    ids=["special", "random", "float32", "between"],
)
def test_thresholds_on_float32_rows(thresholds: NDArray[np.float64]) -> None:
    """The new threshold is the last double whose float32 rounding is at most the old one."""
    splits = float32_splits(thresholds)
    with np.errstate(over="ignore"):
        rounded = splits.astype(np.float32).astype(np.float64)
        rounded_successor = np.nextafter(splits, np.inf).astype(np.float32).astype(np.float64)
    assert (rounded <= thresholds).all()
    assert (rounded_successor > thresholds)[np.isfinite(thresholds)].all()
    np.testing.assert_array_equal(float32_splits(thresholds.reshape(2, -1)).ravel(), splits)
