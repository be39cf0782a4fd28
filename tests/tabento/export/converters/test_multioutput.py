"""One regressor for each target, separately or in a chain."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.svm import SVR

from tests.tabento.export.estimator_graphs import check, table, target

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)
TARGETS = np.column_stack([NUMBERS, np.sin(NUMBERS), NUMBERS**2])


@pytest.mark.parametrize("order", [None, [2, 0, 1]])
def test_several_targets(order: list[int] | None) -> None:
    """Regressors of separate targets and of a chain agree."""
    assert check(MultiOutputRegressor(SVR()).fit(ROWS[:200], TARGETS[:200]), ROWS)["values"].shape == (2000, 3)
    check(RegressorChain(Ridge(), order=order).fit(ROWS[:200], TARGETS[:200]), ROWS)
