"""Nodes of skl2onnx: copied if they compute in double, refused if they do not."""

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

from tabento.bundle.session import LOG_ERRORS, open_session
from tabento.export import ExportError
from tabento.export.convert import plain_graph
from tabento.export.converters.skl2onnx_grafts import graft
from tabento.export.graph.values import numbers
from tabento.parity.sessions import probe_of
from tabento.tables.frames import to_frame
from tests.tabento.export.estimator_graphs import check, run_value, table, target
from tests.tabento.export.tables import contract_of, number

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RAW = table()
ROWS = (RAW - RAW.mean(axis=0)) / RAW.std(axis=0)
NUMBERS = target(RAW)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (DecisionTreeRegressor(max_depth=2), "skl2onnx needs float32 for this DecisionTreeRegressor"),
        (LocallyLinearEmbedding(n_neighbors=3), "skl2onnx does not convert this LocallyLinearEmbedding"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_skl2onnx_cannot_do_in_double_is_refused(model: Any, reason: str) -> None:
    """An operator that is float32 only, or a missing converter, is a refusal."""
    model.fit(ROWS[:50], np.arange(50) % 2)
    with pytest.raises(ExportError, match=reason):
        run_value(lambda writer, value: graft(writer, model, numbers(value, 6))[0], ROWS)


def test_two_grafts_in_one_graph() -> None:
    """The names of two copies in one graph differ."""
    union = FeatureUnion(
        [("first", KernelPCA(2, kernel="poly")), ("second", GaussianRandomProjection(3, random_state=1))]
    )
    check(make_pipeline(union, Ridge()).fit(ROWS[:300], NUMBERS[:300]), ROWS)


def test_transposed_constant_is_no_node() -> None:
    """A transposed constant is not a node, because ONNX Runtime could refuse the graph."""
    contract = contract_of(number("a"), number("b"))
    frame = to_frame(ROWS[:60, :2], contract)
    pipeline = make_pipeline(StandardScaler(), KernelPCA(2, kernel="poly"), Ridge()).fit(frame, NUMBERS[:60])
    graph = plain_graph(pipeline, contract)
    assert all(node.op_type != "Transpose" for node in graph.nodes)
    open_session(probe_of(graph, [node.output[0] for node in graph.nodes]), log_severity=LOG_ERRORS)
