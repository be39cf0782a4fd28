"""The nearest rows: large batches with ties go through the loop part by part."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from tests.training.export.test_neighbours import TENTHS, tenths
from tests.training.export.written import check
from training.export import nearest


@pytest.mark.parametrize("room", [1, 1500, 10**6])
def test_parts_of_a_batch(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row a turn, some rows a turn, or all at once: the same neighbours."""
    monkeypatch.setattr(nearest, "ROOM", room)
    for algorithm in ("kd_tree", "ball_tree"):
        model = KNeighborsRegressor(5, algorithm=algorithm, leaf_size=20).fit(TENTHS, np.arange(150.0))
        check(model, tenths(150))
