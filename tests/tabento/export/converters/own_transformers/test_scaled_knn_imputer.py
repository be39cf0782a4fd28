"""Imputation by neighbours on one scale: the same donors, and unchanged present values."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from tabento.export import ExportError, export_pipeline, serialise
from tabento.tables.frames import to_frame
from tabento.transformers.scaled_knn_imputer import ScaledKNNImputer
from tests.tabento.export.tables import assert_same, contract_of, number
from tests.training.orchards import answers

GENERATOR = np.random.default_rng(17)
CONTRACT = contract_of(*(number(name, nullable=True) for name in "abc"))
TRAIN, ROWS = (
    np.where(GENERATOR.random((count, 3)) < 0.2, np.nan, GENERATOR.normal(size=(count, 3)) * [1, 1e4, 1e-3])
    for count in (200, 150)
)
FRAME = to_frame(TRAIN, CONTRACT)


@pytest.mark.parametrize("count", [1, 5])
def test_missing_values_come_from_scaled_neighbours(count: int) -> None:
    """The imputer agrees alone and before a linear model."""
    assert_same(ScaledKNNImputer(count).fit(FRAME), CONTRACT, ROWS, relative=1e-12)
    ridge = make_pipeline(ScaledKNNImputer(count), Ridge()).fit(FRAME, np.nan_to_num(TRAIN[:, 0]))
    actual = answers(serialise(export_pipeline(ridge, CONTRACT)), ROWS)
    np.testing.assert_allclose(actual, ridge.predict(to_frame(ROWS, CONTRACT)), rtol=1e-9)


def test_trees_behind_it_are_refused() -> None:
    """Trees after it are refused, because the last bits of its means depend on the processor."""
    forest = make_pipeline(ScaledKNNImputer(), RandomForestRegressor(3, random_state=0)).fit(FRAME, TRAIN[:, 0] > 0)
    with pytest.raises(ExportError, match="its trees would split on KNNImputer's means"):
        export_pipeline(forest, CONTRACT)
