"""Clusters: distances to centres with scikit-learn's bits, so that trees may follow, and groups of features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import FeatureAgglomeration, KMeans, MiniBatchKMeans
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tabento.export import ExportError, export_pipeline, serialise
from tabento.export.converters import cluster as clusters
from tabento.export.converters.cluster import adding_order, adds_as_numpy
from tabento.parity import check_parity
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import assert_same, category, contract_of, number, write_transformer

RAW = np.random.default_rng(3).normal(size=(300, 17)) * 9 + 4


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 9, 11, 16, 17])
def test_distances_have_the_bits_of_a_batch(width: int) -> None:
    """Distances have scikit-learn's bits for odd and even numbers of columns, and more than a group of eight."""
    assert adds_as_numpy(width)
    contract = contract_of(*(number(f"x{index}") for index in range(width)))
    model = KMeans(4, n_init=1, random_state=0).fit(to_frame(RAW[:, :width], contract))
    assert_same(model, contract, RAW[:, :width])


def test_order_of_the_columns() -> None:
    """Groups of eight are added from the last column, the remainder from the first, and an odd end has no partner."""
    assert adding_order(11).tolist() == [[6, 7], [4, 5], [2, 3], [0, 1], [8, 9], [10, 11]]


@pytest.mark.parametrize(
    "last",
    [
        DecisionTreeRegressor(max_depth=5),
        KNeighborsRegressor(3),
        make_pipeline(KBinsDiscretizer(3, encode="ordinal"), Ridge()),
    ],
    ids=["tree", "neighbours", "bins"],
)
@pytest.mark.parametrize("model", [KMeans(3, n_init=1, random_state=0), MiniBatchKMeans(3, n_init=1, random_state=0)])
def test_what_jumps_behind_distances_is_proven(model: Any, last: Any) -> None:
    """Trees, neighbours and bins after the distances keep their branches, also for rows next to the edges."""
    contract = contract_of(number("a"), number("b"), number("c"))
    frame = to_frame(RAW[:150, :3], contract)
    pipeline = make_pipeline(StandardScaler(), model, last).fit(frame[:100], RAW[:100, 3])
    model_bytes = serialise(export_pipeline(pipeline, contract))
    report = check_parity(pipeline, model_bytes, contract, frame[100:], max_rows=1500)
    assert report.other_branches == 0


def test_another_machine_and_a_sparse_matrix_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """If NumPy or SciPy adds in another order, trees after the distances are refused by name."""
    contract = contract_of(category("k", "a", "b", "c"))
    frame = to_frame(np.tile(np.arange(3.0), 20)[:, np.newaxis], contract)
    encoded = make_pipeline(OneHotEncoder(), KMeans(2, n_init=1, random_state=0), DecisionTreeRegressor(max_depth=2))
    with pytest.raises(ExportError, match=r"rows of a sparse matrix.*Nearest that can: ClusterSimilarity"):
        export_pipeline(encoded.fit(frame, np.arange(60.0)), contract)
    monkeypatch.setattr(clusters, "adds_as_numpy", lambda width: False)
    contract = contract_of(number("a"), number("b"))
    frame = to_frame(RAW[:, :2], contract)
    plain = make_pipeline(KMeans(2, n_init=1, random_state=0), DecisionTreeRegressor(max_depth=2))
    with pytest.raises(ExportError, match="NumPy on this computer adds in another order"):
        export_pipeline(plain.fit(frame, RAW[:, 2]), contract)


GENERATOR = np.random.default_rng(101)
CONTRACT = contract_of(*(number(f"x{index}") for index in range(8)))
ROWS = GENERATOR.normal(size=(300, 8)) @ GENERATOR.normal(size=(8, 8)) + GENERATOR.normal(size=8)
FRAME = to_frame(ROWS, CONTRACT)


@pytest.mark.parametrize("pooling", [np.mean, np.max, np.min], ids=["mean", "max", "min"])
def test_groups_of_columns(pooling: Any) -> None:
    """Sums run from the first column of a group to its last, so they are equal bit for bit."""
    model = FeatureAgglomeration(3, pooling_func=pooling)
    assert_same(model.fit(FRAME), CONTRACT, ROWS)
    assert_same(make_pipeline(StandardScaler(), model).fit(FRAME), CONTRACT, ROWS)


def test_unknown_pooling_is_refused() -> None:
    """A pooling function other than mean, max and min is refused by name."""
    model = FeatureAgglomeration(3, pooling_func=np.median).fit(FRAME)
    with pytest.raises(ExportError, match=r"pooling_func is not known.*np\.mean"):
        write_transformer(model, CONTRACT)
