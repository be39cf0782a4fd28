"""Rows on thresholds: every threshold and edge is reached exactly and from both sides."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tabento.bundle.contract import Feature
from tabento.export.convert import plain_graph
from tabento.parity.rows.threshold_rows import threshold_rows
from tabento.parity.rows.thresholds import float32_boundaries, thresholds_of
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import FEATURES, contract, fit_specimen, make_preprocessing, table
from tests.training.orchards import orchard_config, orchard_frame
from training.model.pipeline import fit_pipeline

ORCHARD = orchard_config().contract()
TREES = to_rows(orchard_frame(100, seed=8), ORCHARD)
CONTRACT = contract()
ROWS = to_rows(table(100, seed=4)[0], CONTRACT)


def test_raw_thresholds_are_met_exactly_and_from_both_sides() -> None:
    """Each threshold on a numeric column has a row on it, one double and one float32 below and above."""
    pipeline = fit_pipeline(orchard_config(), orchard_frame(400))
    nodes = np.concatenate([stage[0].nodes for stage in pipeline[-1].regressor_._predictors])
    splits = np.unique(nodes["num_threshold"][(nodes["is_leaf"] == 0) & (nodes["feature_idx"] == 0)])
    exact, _ = threshold_rows(pipeline, ORCHARD, TREES, thresholds_of(plain_graph(pipeline, ORCHARD)), 20_000)
    below, above = float32_boundaries(splits)
    for expected in (splits, np.nextafter(splits, -np.inf), np.nextafter(splits, np.inf), below, above):
        assert np.isin(expected, exact[:, 0]).all()


def test_float32_thresholds_are_reached_at_the_change_of_rounding() -> None:
    """A step that compares in float32 gets the middle between float32 neighbours and the adjacent doubles."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), DecisionTreeRegressor(max_depth=6, random_state=0)))
    tree = pipeline[-1].tree_
    below, above = float32_boundaries(tree.threshold[tree.feature == 0])
    middle = below / 2 + above / 2
    exact, _ = threshold_rows(pipeline, CONTRACT, ROWS, thresholds_of(plain_graph(pipeline, CONTRACT)), 20_000)
    for expected in (middle, np.nextafter(middle, -np.inf), np.nextafter(middle, np.inf)):
        assert np.isin(expected, exact[:, 0]).all()


def test_derived_thresholds_are_approached_from_both_sides() -> None:
    """The two rows around a derived threshold are adjacent, and the trees' inputs are on different sides."""
    pipeline = fit_specimen(
        make_pipeline(make_preprocessing(StandardScaler()), HistGradientBoostingRegressor(max_iter=5))
    )
    _, around = threshold_rows(pipeline, CONTRACT, ROWS, thresholds_of(plain_graph(pipeline, CONTRACT)), 20_000)
    left, right = np.split(around, 2)
    assert len(left) > 30
    np.testing.assert_allclose(left, right, rtol=1e-13, atol=1e-13)
    seen = [pipeline[:-1].transform(to_frame(side, CONTRACT)) for side in (left, right)]
    nodes = np.concatenate([stage[0].nodes for stage in pipeline[-1]._predictors])
    splits = nodes[nodes["is_leaf"] == 0]
    parted = [
        any(
            low[index] <= value < high[index]
            for index, value in zip(splits["feature_idx"], splits["num_threshold"], strict=True)
        )
        for low, high in zip(*seen, strict=True)
    ]
    assert all(parted)


def test_edges_of_bins_before_another_model_are_reached() -> None:
    """Bin edges are thresholds, on raw numbers and after a scaler."""
    bins = KBinsDiscretizer(4, encode="ordinal", strategy="uniform")
    plain = fit_specimen(make_pipeline(make_preprocessing(bins), Ridge()))
    edges = plain[0].named_transformers_["numbers"][-1].bin_edges_[0]
    exact, _ = threshold_rows(plain, CONTRACT, ROWS, thresholds_of(plain_graph(plain, CONTRACT)), 20_000)
    assert np.isin(edges, exact[:, 0]).all()
    scaled = fit_specimen(make_pipeline(make_preprocessing(StandardScaler(), bins), Ridge()))
    _, around = threshold_rows(scaled, CONTRACT, ROWS, thresholds_of(plain_graph(scaled, CONTRACT)), 20_000)
    left, right = (scaled[0].transform(to_frame(side, CONTRACT))[:, :4] for side in np.split(around, 2))
    # Of an edge and the double below it one parts the bins; the outermost edges part none.
    assert (left != right).any(axis=1).sum() >= 7


def test_encoder_that_refuses_fractions_gets_integers() -> None:
    """Integers are not interpolated if the pipeline raises on a fraction; the other columns are."""
    target_contract = CONTRACT.model_copy(
        update={
            "features": (*FEATURES[:2], Feature(name="parts", type="integer", minimum=0, maximum=49), *FEATURES[3:])
        }
    )
    steps = make_preprocessing(StandardScaler())
    steps.transformers.append(("known", OneHotEncoder(categories=[np.arange(50.0)], sparse_output=False), ["parts"]))
    pipeline = fit_specimen(make_pipeline(steps, DecisionTreeRegressor(max_depth=3, random_state=0)))
    _, around = threshold_rows(
        pipeline, target_contract, ROWS, thresholds_of(plain_graph(pipeline, target_contract)), 1000
    )
    assert len(around)
    assert (around[:, 2] == np.floor(around[:, 2])).all()
