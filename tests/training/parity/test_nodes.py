"""Nodes: each is met by a row that comes to it, so that one wrong threshold anywhere is found."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.pipeline import make_pipeline

from tests.training.parity.specimens import LABELS, change_splits, contract, fitted, prepared, table
from training.export import export_pipeline
from training.export.convert import plain_graph
from training.frames import to_frame, to_rows
from training.parity.branches import BranchProbe
from training.parity.cut_rows import cut_rows
from training.parity.cuts import cuts_of
from training.parity.lines import taken_by
from training.parity.nodes import NOBODY, visited_nodes

ROWS = to_rows(table(300, seed=4)[0], contract())
FRAME = to_frame(ROWS, contract())


def test_rows_come_to_their_nodes() -> None:
    """The rows of a node lie on its sides, and a node that no row comes to is not there."""
    pipeline = fitted(make_pipeline(prepared(), RandomForestRegressor(3, random_state=0)))
    forest, graph = pipeline[-1], plain_graph(pipeline, contract())
    seen = pipeline[:-1].transform(FRAME)
    (nodes,) = visited_nodes(forest, cuts_of(graph)[0].grown, seen)
    path, _ = forest.decision_path(seen)
    inner = [tree.tree_.feature >= 0 for tree in forest.estimators_]
    visited = np.asarray(path.sum(axis=0)).ravel()[np.concatenate(inner)] > 0
    assert len(nodes.values) == visited.sum()
    for rows, below in ((nodes.left, True), (nodes.right, False)):
        there = rows != NOBODY
        values = seen[rows[there], nodes.columns[there]]
        assert ((values <= nodes.values[there]) == below).all()
        assert there.any()


def test_several_sums_are_taken_apart() -> None:
    """Trees of three labels each have their nodes."""
    pipeline = fitted(
        make_pipeline(prepared(), GradientBoostingClassifier(n_estimators=2, random_state=0)), labels=True
    )
    graph = plain_graph(pipeline, contract(classes=LABELS))
    found = visited_nodes(pipeline[-1], cuts_of(graph)[0].grown, pipeline[:-1].transform(FRAME))
    thresholds = {float(value) for tree in pipeline[-1].estimators_.ravel() for value in tree.tree_.threshold}
    assert sum(len(nodes.values) for nodes in found) > 20
    assert len(thresholds) > 20


def test_estimator_that_does_not_tell_has_none() -> None:
    """Where a library does not say which leaf it reaches, columns are cut without regard to nodes."""
    assert visited_nodes(object(), (), ROWS) == []


@pytest.mark.parametrize("place", range(0, 40, 8))
@pytest.mark.parametrize("up", [True, False])
def test_one_wrong_threshold_is_found(place: int, up: bool) -> None:
    """A single threshold on a raw column that is off by one double is met by a row that takes the other branch."""
    pipeline = fitted(make_pipeline(prepared(), HistGradientBoostingRegressor(max_iter=4, min_samples_leaf=20)))
    model: onnx.ModelProto = export_pipeline(pipeline, contract())
    raw = [at for at, column in enumerate(_columns(model)) if column < 4]

    def change(splits: NDArray[np.float64]) -> NDArray[np.float64]:
        at = raw[place % len(raw)]
        splits[at] = np.nextafter(splits[at], np.inf if up else -np.inf)
        return splits

    change_splits(model, change)
    plain = plain_graph(pipeline, contract())
    exact, _ = cut_rows(pipeline, contract(), ROWS, cuts_of(plain), 5000)
    probe = BranchProbe(pipeline, model, contract(), plain)
    assert probe.compare(exact, taken_by(pipeline, contract(), exact, probe.estimators)).other.any()


def _columns(model: onnx.ModelProto) -> list[int]:
    trees = next(node for node in model.graph.node if node.op_type == "TreeEnsemble")
    return list(next(given.ints for given in trees.attribute if given.name == "nodes_featureids"))
