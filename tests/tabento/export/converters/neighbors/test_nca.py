"""Neighbourhood components: projections near to the last bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, contract_of, number

GENERATOR = np.random.default_rng(101)
CONTRACT = contract_of(*(number(f"x{index}") for index in range(8)))
ROWS = GENERATOR.normal(size=(300, 8)) @ GENERATOR.normal(size=(8, 8)) + GENERATOR.normal(size=8)
FRAME = to_frame(ROWS, CONTRACT)
CLASSES = np.digitize(ROWS[:, 0] + ROWS[:, 3], [-2.0, 2.0])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("scaled", [False, True])
def test_neighborhood_components(scaled: bool) -> None:
    """The projections agree with the graph to rounding, on raw and on scaled columns."""
    model: Any = NeighborhoodComponentsAnalysis(2, random_state=0, max_iter=3)
    model = make_pipeline(StandardScaler(), model) if scaled else model
    assert_same(model.fit(FRAME, CLASSES), CONTRACT, ROWS, relative=1e-10)
