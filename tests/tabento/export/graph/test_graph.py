"""The graph that passes rewrite."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from tabento.export.graph.graph import TREE_DOMAIN, Graph, attribute, run_passes
from tabento.export.graph.trees import Trees, single_leaf
from tabento.export.passes.packing import PASSES


def _graph(width: int = 3) -> Graph:
    rows = helper.make_tensor_value_info("rows", TensorProto.DOUBLE, ["N", width])
    return Graph(helper.make_model(helper.make_graph([], "small", [rows], [])))


def test_the_width_of_a_value_that_many_nodes_read() -> None:
    """Each width is computed once: without a cache, sixty doublings of one value would take 2^60 steps."""
    graph = _graph()
    value = "rows"
    for _ in range(60):
        value = graph.add("Add", [value, value], "sum")
    assert graph.width(value) == 3


def test_an_unknown_width_may_become_known() -> None:
    """A width that is not known is computed again at the next call."""
    graph = _graph()
    unknown = graph.add("Shape", ["rows"], "shape")
    reader = graph.add("Abs", [unknown], "abs")
    assert graph.width(reader) is None
    graph.replace(unknown, "rows")
    assert graph.width(reader) == 3


def test_trees_stay_arrays_until_the_model_is_written() -> None:
    """A node of trees has attributes only in the model, and the arrays that are read back are the same."""
    graph = _graph()
    trees = single_leaf(7.0)
    output = graph.add_trees("rows", trees, "trees")
    (node,) = graph.nodes
    assert attribute(node, "leaf_weights") is None
    assert graph.width(output) == 1
    (node,) = graph.onnx_nodes()
    assert node.domain == "ai.onnx.ml"
    assert Trees.of_node(node).digest() == trees.digest()


def test_trees_of_a_node_with_attributes() -> None:
    """Trees are read from the attributes of a node that has them."""
    graph = _graph()
    graph.add("TreeEnsemble", ["rows"], "trees", domain=TREE_DOMAIN, **single_leaf(5.0).attributes())
    (node,) = graph.nodes
    np.testing.assert_array_equal(graph.trees_of(node).leaves, [5.0])


def test_only_equal_trees_are_shared() -> None:
    """Two ensembles that read one value become one if their trees are the same, and stay two otherwise."""
    for other, count in ((3.0, 1), (4.0, 2)):
        graph = _graph()
        outputs = [graph.add_trees("rows", single_leaf(value), "trees") for value in (3.0, other)]
        graph.outputs = [graph.add("Concat", outputs, "joined", axis=1)]
        run_passes(graph, PASSES)
        assert [node.op_type for node in graph.nodes].count("TreeEnsemble") == count
