"""Cuts: thresholds, edges and known numbers of every object of a pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, PowerTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tabento.export.convert import plain_graph
from tabento.parity.rows.thresholds import Threshold, float32_boundaries, thresholds_of
from tests.tabento.parity.specimens import contract, fit_specimen, make_preprocessing


def thresholds_of_fitted(pipeline: Any) -> list[Threshold]:
    """Return the thresholds of a pipeline that is fitted for it."""
    return thresholds_of(plain_graph(fit_specimen(pipeline), contract()))


@pytest.mark.parametrize(
    ("estimator", "single"),
    [
        (DecisionTreeRegressor(max_depth=4, random_state=0), True),
        (RandomForestRegressor(3, random_state=0), True),
        (ExtraTreesRegressor(3, random_state=0), True),
        (GradientBoostingRegressor(n_estimators=3, random_state=0), True),
        (HistGradientBoostingRegressor(max_iter=3), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_threshold_of_trees_is_found(estimator: Any, single: bool) -> None:
    """Each threshold of each tree is listed once under its column, with the precision of the comparison."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), estimator))
    thresholds = thresholds_of(plain_graph(pipeline, contract()))
    model = pipeline[-1]
    if isinstance(model, HistGradientBoostingRegressor):
        nodes = np.concatenate([stage[0].nodes for stage in model._predictors])
        nodes = nodes[nodes["is_leaf"] == 0]
        pairs = set(zip(nodes["feature_idx"].tolist(), nodes["num_threshold"].tolist(), strict=True))
    else:
        members = [model] if hasattr(model, "tree_") else np.ravel(model.estimators_)
        trees = [member.tree_ for member in members]
        pairs = {
            (int(column), float(value))
            for tree in trees
            for column, value in zip(tree.feature, tree.threshold, strict=True)
            if column >= 0
        }
    assert {(cut.column, float(value)) for cut in thresholds for value in cut.values} == pairs
    assert {cut.single for cut in thresholds} == {single}


def test_trees_deep_inside_are_found() -> None:
    """Members of votes and bags have their thresholds, each under the object that owns it."""
    bag = BaggingRegressor(DecisionTreeRegressor(max_depth=2), n_estimators=2, random_state=0)
    vote = VotingRegressor(
        [("bag", bag), ("boost", make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=2)))]
    )
    owners = {type(cut.owner).__name__ for cut in thresholds_of_fitted(make_pipeline(make_preprocessing(), vote))}
    assert owners >= {"DecisionTreeRegressor", "HistGradientBoostingRegressor"}


def test_edges_of_transformers_are_found() -> None:
    """Bin edges, and the point at which a power transform changes its formula, are thresholds of their steps."""
    bins = KBinsDiscretizer(4, encode="ordinal", strategy="uniform")
    thresholds = thresholds_of_fitted(make_pipeline(make_preprocessing(PowerTransformer(), bins), Ridge()))
    assert {type(cut.owner) for cut in thresholds} == {PowerTransformer, KBinsDiscretizer}
    edges = {cut.column: len(cut.values) for cut in thresholds if isinstance(cut.owner, KBinsDiscretizer)}
    assert edges == {0: 5, 1: 5, 2: 5, 3: 5}


def test_float32_neighbours_enclose_a_double() -> None:
    """The nearest float32 at or below and the next above; a float32 is its own lower neighbour."""
    below, above = float32_boundaries(np.array([0.1, 0.5, -0.1, 0.0]))
    assert (below <= [0.1, 0.5, -0.1, 0.0]).all()
    assert (above > [0.1, 0.5, -0.1, 0.0]).all()
    assert below[1] == 0.5
    np.testing.assert_array_equal(np.nextafter(below.astype(np.float32), np.float32(np.inf)), above.astype(np.float32))


def test_boundaries_are_where_two_doubles_are_told_apart() -> None:
    """A tree in double parts its threshold from the next double; in float32 the middle decides; a bin's edge may go up."""
    value = np.array([0.1])
    assert Threshold(None, 0, value, single=False, closed=True).boundaries().tolist() == [0.1]
    assert Threshold(None, 0, value, single=False, closed=False).boundaries().tolist() == [np.nextafter(0.1, 0), 0.1]
    below, above = float32_boundaries(value)
    middle = (below[0] + above[0]) / 2
    assert Threshold(None, 0, value, single=True, closed=False).boundaries().tolist() == [
        np.nextafter(middle, 0),
        middle,
    ]
