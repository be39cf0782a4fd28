"""Partial least squares: as the last step its predictions, before another step its scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression

from tabento.tables.frames import to_frame
from tests.tabento.export.estimator_graphs import check
from tests.tabento.export.tables import assert_same, contract_of, number

GENERATOR = np.random.default_rng(101)
CONTRACT = contract_of(*(number(f"x{index}") for index in range(8)))
ROWS = GENERATOR.normal(size=(300, 8)) @ GENERATOR.normal(size=(8, 8)) + GENERATOR.normal(size=8)
FRAME = to_frame(ROWS, CONTRACT)
TARGETS = np.column_stack([ROWS[:, 0] - ROWS[:, 5], ROWS[:, 2]]) + GENERATOR.normal(size=(300, 2))


@pytest.mark.parametrize("model", [PLSRegression(2), PLSCanonical(2), CCA(2, max_iter=2000), PLSSVD(2)], ids=repr)
def test_partial_least_squares_in_the_middle(model: Any) -> None:
    """The next step receives the scores of a row."""
    assert_same(model.fit(FRAME, TARGETS), CONTRACT, ROWS, relative=1e-12)


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("model", [PLSRegression(2), PLSCanonical(1), CCA(1, max_iter=2000)], ids=repr)
def test_predictions_of_partial_least_squares(model: Any, targets: int) -> None:
    """The predictions of one target and of several targets agree with the graph to rounding."""
    check(model.fit(ROWS, TARGETS[:, :targets]), np.vstack([ROWS, 1e6 * ROWS[:10]]))
