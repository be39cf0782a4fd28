"""Branches: the leaves of the served graph and of the fitted estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingRegressor,
)
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tabento.export import export_pipeline
from tabento.export.convert import plain_graph
from tabento.parity.comparison.branches import BranchProbe
from tabento.parity.rows.split_lines import recorded_inputs
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import LABELS, change_splits, contract, fit_specimen, make_preprocessing, table

ROWS = to_rows(table(200, seed=4)[0], contract())


def probe_of(pipeline: Any, *, labels: bool = False, change: Any = None) -> tuple[BranchProbe, NDArray[np.bool_]]:
    """Export a pipeline, change its thresholds if a change is given, and compare branches."""
    target_contract = contract(classes=LABELS) if labels else contract()
    fit_specimen(pipeline, labels=labels)
    model: onnx.ModelProto = export_pipeline(pipeline, target_contract)
    if change is not None:
        change_splits(model, change)
    probe = BranchProbe(pipeline, model, target_contract, plain_graph(pipeline, target_contract))
    return probe, probe.compare(ROWS, recorded_inputs(pipeline, target_contract, ROWS, probe.estimators)).other


@pytest.mark.parametrize(
    ("estimator", "trees"),
    [
        (RandomForestClassifier(3, random_state=0), 3),
        (GradientBoostingClassifier(n_estimators=2, random_state=0), 6),
        (HistGradientBoostingClassifier(max_iter=2), 6),
        (BaggingClassifier(n_estimators=4, max_features=0.8, random_state=0), 4),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_tree_is_compared(estimator: Any, trees: int) -> None:
    """Classifiers of three labels take the same branches, and every one of their trees was looked at."""
    probe, other = probe_of(make_pipeline(make_preprocessing(StandardScaler()), estimator), labels=True)
    assert (probe.trees, probe.unread) == (trees, [])
    assert not other.any()


def test_members_of_a_vote_are_compared() -> None:
    """Each estimator with trees is one forest, with the path of its step."""
    members = [
        ("tree", make_pipeline(MinMaxScaler(), DecisionTreeRegressor(max_depth=3))),
        ("forest", ExtraTreesRegressor(2, random_state=0)),
        ("ridge", Ridge()),
    ]
    probe, other = probe_of(make_pipeline(make_preprocessing(), VotingRegressor(members)))
    assert probe.trees == 3
    assert len(probe.forests) == 2
    assert all(forest.step.startswith("votingregressor") for forest in probe.forests)
    assert not other.any()


def test_share_of_other_branches_is_exact() -> None:
    """Of a stump whose threshold is moved, exactly the rows in between take another branch."""
    stump = make_pipeline(make_preprocessing(), DecisionTreeRegressor(max_depth=1, random_state=0))
    _, other = probe_of(stump, change=lambda splits: splits + 0.5)
    column, threshold = int(stump[-1].tree_.feature[0]), float(stump[-1].tree_.threshold[0])
    seen = stump[:-1].transform(to_frame(ROWS, contract()))[:, column]
    np.testing.assert_array_equal(other, (seen > threshold) & (seen <= threshold + 0.5))
    assert other.any()


def test_pipeline_without_trees_has_no_branches() -> None:
    """Nothing is compared, and no row differs."""
    probe, other = probe_of(make_pipeline(make_preprocessing(), Ridge()))
    assert (probe.forests, probe.trees) == ([], 0)
    assert not other.any()


def test_graph_of_another_pipeline_is_not_read() -> None:
    """If the served graph has other trees, the step is listed as unread and not compared."""
    two = [("one", DecisionTreeRegressor(max_depth=2)), ("two", DecisionTreeRegressor(max_depth=3))]
    vote = fit_specimen(make_pipeline(make_preprocessing(), VotingRegressor(two)))
    other = fit_specimen(make_pipeline(make_preprocessing(), DecisionTreeRegressor(max_depth=4)))
    probe = BranchProbe(vote, export_pipeline(other, contract()), contract(), plain_graph(vote, contract()))
    assert (len(probe.unread), probe.forests) == (2, [])


def test_estimators_that_share_a_node_are_both_compared() -> None:
    """Two members with the same trees are one node in the served graph, and both are looked at."""
    twins = [(name, DecisionTreeRegressor(max_depth=3, random_state=0)) for name in ("one", "two")]
    third = ("three", DecisionTreeRegressor(max_depth=2, random_state=0))
    probe, other = probe_of(make_pipeline(make_preprocessing(), VotingRegressor([*twins, third])))
    assert (len(probe.forests), probe.trees, probe.unread) == (3, 3, [])
    assert not other.any()
