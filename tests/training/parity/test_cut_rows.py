"""Rows on cuts: every threshold and edge is met exactly and from both sides, wherever it is."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from bundle.contract import Feature
from tests.training.orchards import orchard_config, orchard_frame
from tests.training.parity.specimens import FEATURES, contract, fitted, prepared, table
from training.export.convert import plain_graph
from training.frames import to_frame, to_rows
from training.parity.cut_rows import cut_rows
from training.parity.cuts import cuts_of, float32_boundaries
from training.pipeline import fit_pipeline

ORCHARD = orchard_config().contract()
TREES = to_rows(orchard_frame(100, seed=8), ORCHARD)
CONTRACT = contract()
ROWS = to_rows(table(100, seed=4)[0], CONTRACT)


def test_raw_thresholds_are_met_exactly_and_from_both_sides() -> None:
    """Each threshold on a numeric column has a row on it, one double and one float32 below and above."""
    pipeline = fit_pipeline(orchard_config(), orchard_frame(400))
    nodes = np.concatenate([stage[0].nodes for stage in pipeline[-1].regressor_._predictors])
    splits = np.unique(nodes["num_threshold"][(nodes["is_leaf"] == 0) & (nodes["feature_idx"] == 0)])
    exact, _ = cut_rows(pipeline, ORCHARD, TREES, cuts_of(plain_graph(pipeline, ORCHARD)), 20_000)
    below, above = float32_boundaries(splits)
    for wanted in (splits, np.nextafter(splits, -np.inf), np.nextafter(splits, np.inf), below, above):
        assert np.isin(wanted, exact[:, 0]).all()


def test_float32_thresholds_are_met_where_the_rounding_changes() -> None:
    """What compares in float32 gets the middle between float32 neighbours and the doubles beside it."""
    pipeline = fitted(make_pipeline(prepared(), DecisionTreeRegressor(max_depth=6, random_state=0)))
    tree = pipeline[-1].tree_
    below, above = float32_boundaries(tree.threshold[tree.feature == 0])
    middle = below / 2 + above / 2
    exact, _ = cut_rows(pipeline, CONTRACT, ROWS, cuts_of(plain_graph(pipeline, CONTRACT)), 20_000)
    for wanted in (middle, np.nextafter(middle, -np.inf), np.nextafter(middle, np.inf)):
        assert np.isin(wanted, exact[:, 0]).all()


def test_derived_thresholds_are_approached_from_both_sides() -> None:
    """The two rows around a derived threshold lie next to each other, and what the trees see lies on either side."""
    pipeline = fitted(make_pipeline(prepared(StandardScaler()), HistGradientBoostingRegressor(max_iter=5)))
    _, around = cut_rows(pipeline, CONTRACT, ROWS, cuts_of(plain_graph(pipeline, CONTRACT)), 20_000)
    left, right = np.split(around, 2)
    assert len(left) > 30
    np.testing.assert_allclose(left, right, rtol=1e-13, atol=1e-13)
    seen = [pipeline[:-1].transform(to_frame(side, CONTRACT)) for side in (left, right)]
    nodes = np.concatenate([stage[0].nodes for stage in pipeline[-1]._predictors])
    splits = nodes[nodes["is_leaf"] == 0]
    parted = [
        any(
            low[at] <= value < high[at]
            for at, value in zip(splits["feature_idx"], splits["num_threshold"], strict=True)
        )
        for low, high in zip(*seen, strict=True)
    ]
    assert all(parted)


def test_edges_of_bins_are_met_in_front_of_another_model() -> None:
    """Bin edges are cuts as thresholds are, on the numbers as they come and behind a scaler."""
    bins = KBinsDiscretizer(4, encode="ordinal", strategy="uniform")
    plain = fitted(make_pipeline(prepared(bins), Ridge()))
    edges = plain[0].named_transformers_["numbers"][-1].bin_edges_[0]
    exact, _ = cut_rows(plain, CONTRACT, ROWS, cuts_of(plain_graph(plain, CONTRACT)), 20_000)
    assert np.isin(edges, exact[:, 0]).all()
    scaled = fitted(make_pipeline(prepared(StandardScaler(), bins), Ridge()))
    _, around = cut_rows(scaled, CONTRACT, ROWS, cuts_of(plain_graph(scaled, CONTRACT)), 20_000)
    left, right = (scaled[0].transform(to_frame(side, CONTRACT))[:, :4] for side in np.split(around, 2))
    # Of an edge and the double below it one parts the bins; the outermost edges part none.
    assert (left != right).any(axis=1).sum() >= 7


def test_encoder_that_refuses_fractions_is_met_with_integers() -> None:
    """Lines leave integers alone where the pipeline raises on a fraction, and the rest is approached all the same."""
    promised = CONTRACT.model_copy(
        update={
            "features": (*FEATURES[:2], Feature(name="parts", type="integer", minimum=0, maximum=49), *FEATURES[3:])
        }
    )
    steps = prepared(StandardScaler())
    steps.transformers.append(("known", OneHotEncoder(categories=[np.arange(50.0)], sparse_output=False), ["parts"]))
    pipeline = fitted(make_pipeline(steps, DecisionTreeRegressor(max_depth=3, random_state=0)))
    _, around = cut_rows(pipeline, promised, ROWS, cuts_of(plain_graph(pipeline, promised)), 1000)
    assert len(around)
    assert (around[:, 2] == np.floor(around[:, 2])).all()
