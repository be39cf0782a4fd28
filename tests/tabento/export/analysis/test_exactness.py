"""Inexact columns: they are traced one by one, up to the trees that would split on them."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tabento.export import ExportError, export_pipeline
from tabento.export.analysis.exactness import inexact_columns
from tabento.export.graph.graph import Graph
from tabento.tables.frames import to_frame
from tests.tabento.export.tables import contract_of, number, write_transformer

CONTRACT = contract_of(number("a", minimum=0, maximum=9), number("b", minimum=0, maximum=9))
ROWS = np.random.default_rng(4).uniform(0, 9, (60, 2))
FRAME = to_frame(ROWS, CONTRACT)


def test_columns_are_marked_separately() -> None:
    """A square next to a tangent stays exact through joining, scaling and selection."""
    columns = make_column_transformer((FunctionTransformer(np.square), ["a"]), (FunctionTransformer(np.tan), ["b"]))
    graph, result = write_transformer(make_pipeline(columns, StandardScaler()).fit(FRAME), CONTRACT)
    assert inexact_columns(graph, result.name) == (None, "np.tan")
    graph, result = write_transformer(FunctionTransformer(np.square).fit(FRAME), CONTRACT)
    assert inexact_columns(graph, result.name) is None


def test_trees_may_split_on_what_is_exact() -> None:
    """Only a tree that splits on the inexact column itself is refused, and so are bins."""
    columns = make_column_transformer((FunctionTransformer(np.square), ["a"]), (FunctionTransformer(np.tan), ["b"]))
    tree = DecisionTreeRegressor(max_depth=2)
    export_pipeline(make_pipeline(columns, tree).fit(FRAME, ROWS[:, 0] > 4), CONTRACT)
    with pytest.raises(ExportError, match=r"decisiontreeregressor.*np\.tan"):
        export_pipeline(make_pipeline(columns, tree).fit(FRAME, np.tan(ROWS[:, 1])), CONTRACT)
    bins = KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf")
    binned = make_pipeline(FunctionTransformer(np.tan), bins, DecisionTreeRegressor(max_depth=2))
    with pytest.raises(ExportError, match=r"np\.tan"):
        export_pipeline(binned.fit(FRAME, ROWS[:, 0]), CONTRACT)


def test_a_value_of_unknown_width_marks_all_columns() -> None:
    """If the position of a part in a value is not known, every column is treated as inexact."""
    rows = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["N", 2])
    graph = Graph(helper.make_model(helper.make_graph([], "small", [rows], [])))
    logarithm = graph.add("Log", ["rows"], "log")
    graph.inexact[logarithm] = "np.log"
    turned = graph.add("Transpose", ["rows"], "turned")
    joined = graph.add("Concat", [turned, logarithm], "joined", axis=1)
    column_indices = graph.constant(np.array([0, 3], dtype=np.int64), "columns")
    picked = graph.add("Gather", [joined, column_indices], "picked", axis=1)
    assert inexact_columns(graph, picked) == ("np.log", "np.log")
    assert inexact_columns(graph, turned) is None
