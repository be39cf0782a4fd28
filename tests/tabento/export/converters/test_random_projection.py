"""Random projections, sparse and Gaussian."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from tabento.tables.frames import to_frame
from tests.tabento.export.estimator_graphs import check
from tests.tabento.export.tables import assert_same, contract_of, number, write_transformer

GENERATOR = np.random.default_rng(101)
CONTRACT = contract_of(*(number(f"x{index}") for index in range(8)))
ROWS = GENERATOR.normal(size=(300, 8)) @ GENERATOR.normal(size=(8, 8)) + GENERATOR.normal(size=8)
FRAME = to_frame(ROWS, CONTRACT)


@pytest.mark.parametrize("scaled", [False, True])
def test_sparse_random_projection(scaled: bool) -> None:
    """The projections agree with the graph to rounding, on raw and on scaled columns."""
    model = SparseRandomProjection(5, random_state=0)
    model = make_pipeline(StandardScaler(), model) if scaled else model
    assert_same(model.fit(FRAME), CONTRACT, ROWS, relative=1e-10)


@pytest.mark.parametrize("components", [1, 3])
def test_gaussian_random_projection(components: int) -> None:
    """The projections agree with the graph, and so do the predictions of a model after them."""
    model = GaussianRandomProjection(components, random_state=0)
    check(model.fit(ROWS), ROWS)
    check(make_pipeline(model, Ridge()).fit(ROWS, ROWS[:, 0]), ROWS)


def test_sparse_projection_of_sparse_columns() -> None:
    """After a one-hot encoder the result stays sparse, unless `dense_output` is set."""
    rounded_rows = np.asarray(np.clip(ROWS, -2, 2).round(), dtype=np.float64)
    for dense in (False, True):
        model = make_pipeline(
            OneHotEncoder(handle_unknown="ignore"), SparseRandomProjection(5, random_state=0, dense_output=dense)
        )
        model.fit(to_frame(rounded_rows, CONTRACT))
        assert_same(model, CONTRACT, rounded_rows, relative=1e-12)
        assert write_transformer(model, CONTRACT)[1].sparse is not dense
