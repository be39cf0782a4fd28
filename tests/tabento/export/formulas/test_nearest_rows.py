"""The nearest rows: large batches with ties go through the loop part by part."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsRegressor

from tabento.export import export_pipeline
from tabento.export.formulas import nearest_rows as nearest
from tabento.tables.frames import to_frame
from tests.tabento.export.converters.neighbors.test_k_neighbors import TENTHS, tenths
from tests.tabento.export.estimator_graphs import check
from tests.tabento.export.tables import contract_of, number


@pytest.mark.parametrize("room", [1, 1500, 10**6])
def test_parts_of_a_batch(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row per iteration, several rows, or all rows give the same neighbours."""
    monkeypatch.setattr(nearest, "MAX_TENSOR_SIZE", room)
    for algorithm in ("kd_tree", "ball_tree"):
        model = KNeighborsRegressor(5, algorithm=algorithm, leaf_size=20).fit(TENTHS, np.arange(150.0))
        check(model, tenths(150))


def test_regression_answers_one_number_a_row() -> None:
    """The loop does not hide how many targets there are."""
    contract = contract_of(*(number(name) for name in "abcd"))
    model = KNeighborsRegressor(3).fit(to_frame(TENTHS, contract), np.arange(150.0))
    shape = export_pipeline(model, contract).graph.output[0].type.tensor_type.shape
    assert [dimension.dim_param for dimension in shape.dim] == ["N"]
