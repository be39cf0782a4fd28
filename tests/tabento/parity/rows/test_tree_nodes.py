"""Nodes of trees: a row reaches each node, so that one wrong threshold anywhere is found."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.pipeline import make_pipeline

from tabento.export import export_pipeline
from tabento.export.convert import plain_graph
from tabento.parity.comparison.branches import BranchProbe
from tabento.parity.rows.split_lines import recorded_inputs
from tabento.parity.rows.threshold_rows import threshold_rows
from tabento.parity.rows.thresholds import thresholds_of
from tabento.parity.rows.tree_nodes import NO_ROW, visited_nodes
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import LABELS, change_splits, contract, fit_specimen, make_preprocessing, table

ROWS = to_rows(table(300, seed=4)[0], contract())
FRAME = to_frame(ROWS, contract())


def test_rows_reach_their_nodes() -> None:
    """The rows of a node are on its sides, and a node that no row reaches is omitted."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), RandomForestRegressor(3, random_state=0)))
    forest, graph = pipeline[-1], plain_graph(pipeline, contract())
    seen = pipeline[:-1].transform(FRAME)
    (nodes,) = visited_nodes(forest, thresholds_of(graph)[0].trees, seen)
    path, _ = forest.decision_path(seen)
    inner = [tree.tree_.feature >= 0 for tree in forest.estimators_]
    visited = np.asarray(path.sum(axis=0)).ravel()[np.concatenate(inner)] > 0
    assert len(nodes.values) == visited.sum()
    for rows, below in ((nodes.left, True), (nodes.right, False)):
        is_reached = rows != NO_ROW
        values = seen[rows[is_reached], nodes.columns[is_reached]]
        assert ((values <= nodes.values[is_reached]) == below).all()
        assert is_reached.any()


def test_several_sums_are_taken_apart() -> None:
    """Trees of three labels each have their nodes."""
    pipeline = fit_specimen(
        make_pipeline(make_preprocessing(), GradientBoostingClassifier(n_estimators=2, random_state=0)), labels=True
    )
    graph = plain_graph(pipeline, contract(classes=LABELS))
    nodes = visited_nodes(pipeline[-1], thresholds_of(graph)[0].trees, pipeline[:-1].transform(FRAME))
    thresholds = {float(value) for tree in pipeline[-1].estimators_.ravel() for value in tree.tree_.threshold}
    assert sum(len(part.values) for part in nodes) > 20
    assert len(thresholds) > 20


def test_estimator_without_leaf_numbers_has_no_nodes() -> None:
    """If a library does not return the reached leaf, columns are split without regard to nodes."""
    assert visited_nodes(object(), (), ROWS) == []


@pytest.mark.parametrize("place", range(0, 40, 8))
@pytest.mark.parametrize("up", [True, False])
def test_one_wrong_threshold_is_found(place: int, up: bool) -> None:
    """A threshold on a raw column that is wrong by one double is found by a row that takes the other branch."""
    pipeline = fit_specimen(
        make_pipeline(make_preprocessing(), HistGradientBoostingRegressor(max_iter=4, min_samples_leaf=20))
    )
    model: onnx.ModelProto = export_pipeline(pipeline, contract())
    raw = [index for index, column in enumerate(_columns(model)) if column < 4]

    def change(splits: NDArray[np.float64]) -> NDArray[np.float64]:
        index = raw[place % len(raw)]
        splits[index] = np.nextafter(splits[index], np.inf if up else -np.inf)
        return splits

    change_splits(model, change)
    plain = plain_graph(pipeline, contract())
    exact, _ = threshold_rows(pipeline, contract(), ROWS, thresholds_of(plain), 5000)
    probe = BranchProbe(pipeline, model, contract(), plain)
    assert probe.compare(exact, recorded_inputs(pipeline, contract(), exact, probe.estimators)).other.any()


def _columns(model: onnx.ModelProto) -> list[int]:
    trees = next(node for node in model.graph.node if node.op_type == "TreeEnsemble")
    return list(next(attribute.ints for attribute in trees.attribute if attribute.name == "nodes_featureids"))
