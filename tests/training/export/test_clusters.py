"""Distances to the centres of k-means: the bits of scikit-learn, so that trees may stand behind them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tests.training.export.tables import assert_same, category, contract_of, number
from training.export import ExportError, clusters, export_pipeline, serialise
from training.export.clusters import adding_order, adds_as_numpy
from training.frames import to_frame
from training.parity import check_parity

RAW = np.random.default_rng(3).normal(size=(300, 17)) * 9 + 4


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 9, 11, 16, 17])
def test_distances_have_the_bits_of_a_batch(width: int) -> None:
    """Odd and even numbers of columns, and more than a group of eight."""
    assert adds_as_numpy(width)
    contract = contract_of(*(number(f"x{at}") for at in range(width)))
    model = KMeans(4, n_init=1, random_state=0).fit(to_frame(RAW[:, :width], contract))
    assert_same(model, contract, RAW[:, :width])


def test_order_of_the_columns() -> None:
    """Groups of eight are added from behind, what is left from the front, and an odd end has no partner."""
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
    """Trees, neighbours and bins behind the distances keep their branches, rows beside the edges included."""
    contract = contract_of(number("a"), number("b"), number("c"))
    frame = to_frame(RAW[:150, :3], contract)
    pipeline = make_pipeline(StandardScaler(), model, last).fit(frame[:100], RAW[:100, 3])
    model_bytes = serialise(export_pipeline(pipeline, contract))
    report = check_parity(pipeline, model_bytes, contract, frame[100:], max_rows=1500)
    assert report.other_branches == 0


def test_another_machine_and_a_sparse_matrix_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """If NumPy or SciPy adds in another order, trees behind the distances are refused by name."""
    contract = contract_of(category("k", "a", "b", "c"))
    frame = to_frame(np.tile(np.arange(3.0), 20)[:, np.newaxis], contract)
    encoded = make_pipeline(OneHotEncoder(), KMeans(2, n_init=1, random_state=0), DecisionTreeRegressor(max_depth=2))
    with pytest.raises(ExportError, match=r"rows of a sparse matrix.*Nearest that can: ClusterSimilarity"):
        export_pipeline(encoded.fit(frame, np.arange(60.0)), contract)
    monkeypatch.setattr(clusters, "adds_as_numpy", lambda width: False)
    contract = contract_of(number("a"), number("b"))
    frame = to_frame(RAW[:, :2], contract)
    plain = make_pipeline(KMeans(2, n_init=1, random_state=0), DecisionTreeRegressor(max_depth=2))
    with pytest.raises(ExportError, match="this machine's NumPy"):
        export_pipeline(plain.fit(frame, RAW[:, 2]), contract)
