"""Grafts: what skl2onnx converts correctly in double, and the refusal of what it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import KernelPCA
from sklearn.linear_model import Ridge
from sklearn.manifold import LocallyLinearEmbedding
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.random_projection import GaussianRandomProjection
from sklearn.tree import DecisionTreeRegressor

from tests.training.export.tables import contract_of, number
from tests.training.export.written import check, run_value, table, target
from training.export import ExportError
from training.export.convert import plain_graph
from training.export.grafts import graft
from training.export.values import numbers
from training.frames import to_frame
from training.parity.sessions import open_session, probe_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)


@pytest.mark.parametrize(
    "model",
    [
        *(KernelPCA(3, kernel=kernel, gamma=0.2) for kernel in ("linear", "poly", "rbf", "sigmoid", "cosine")),
        GaussianRandomProjection(1, random_state=0),
        GaussianRandomProjection(3, random_state=0),
    ],
    ids=str,
)
def test_transformer(model: Any) -> None:
    """What a transformer gives, and what a model behind it makes of it."""
    check(model.fit(ROWS[:100]), ROWS)
    check(make_pipeline(model, Ridge()).fit(ROWS[:300], NUMBERS[:300]), ROWS)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (DecisionTreeRegressor(max_depth=2), "skl2onnx needs float32 for this DecisionTreeRegressor"),
        (LocallyLinearEmbedding(n_neighbors=3), "skl2onnx does not convert this LocallyLinearEmbedding"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_skl2onnx_cannot_do_in_double_is_refused(model: Any, reason: str) -> None:
    """An operator that knows float32 only, or no converter at all, is a refusal."""
    model.fit(ROWS[:50], np.arange(50) % 2)
    with pytest.raises(ExportError, match=reason):
        run_value(lambda pen, value: graft(pen, model, numbers(value, 6))[0], ROWS)


def test_two_grafts_in_one_graph() -> None:
    """Names of one graft do not meet those of another."""
    union = FeatureUnion(
        [("first", KernelPCA(2, kernel="poly")), ("second", GaussianRandomProjection(3, random_state=1))]
    )
    check(make_pipeline(union, Ridge()).fit(ROWS[:300], NUMBERS[:300]), ROWS)


def test_transposed_constant_is_no_node() -> None:
    """ONNX Runtime would refuse the graph if something else reads what the product reads."""
    contract = contract_of(number("a"), number("b"))
    frame = to_frame(ROWS[:60, :2], contract)
    pipeline = make_pipeline(StandardScaler(), KernelPCA(2, kernel="poly"), Ridge()).fit(frame, NUMBERS[:60])
    graph = plain_graph(pipeline, contract)
    assert all(node.op_type != "Transpose" for node in graph.nodes)
    open_session(probe_of(graph, [node.output[0] for node in graph.nodes]))
