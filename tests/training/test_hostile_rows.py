"""Hostile rows: on thresholds, around derived thresholds, on edges."""

from __future__ import annotations

import numpy as np

from bundle.contract import UNKNOWN_CATEGORY
from tests.training.orchards import orchard_config, orchard_frame
from training.frames import to_frame, to_rows
from training.hostile_rows import edge_rows, threshold_rows
from training.pipeline import fit_pipeline

CONFIG = orchard_config()
CONTRACT = CONFIG.contract()
ROWS = to_rows(orchard_frame(100, seed=8), CONTRACT)


def test_raw_thresholds_are_met_exactly_and_from_both_sides() -> None:
    """Each threshold on a numeric column has a row on it, one double below and one above."""
    pipeline = fit_pipeline(CONFIG, orchard_frame(400))
    nodes = np.concatenate([stage[0].nodes for stage in pipeline[-1].regressor_._predictors])
    splits = np.unique(nodes["num_threshold"][(nodes["is_leaf"] == 0) & (nodes["feature_idx"] == 0)])
    exact, _ = threshold_rows(pipeline, CONTRACT, ROWS)
    for wanted in (splits, np.nextafter(splits, -np.inf), np.nextafter(splits, np.inf)):
        assert np.isin(wanted, exact[:, 0]).all()


def test_derived_thresholds_are_approached_from_both_sides() -> None:
    """The two rows around a derived threshold see it from different sides and lie next to each other."""
    pipeline = fit_pipeline(CONFIG, orchard_frame(400))
    _, around = threshold_rows(pipeline, CONTRACT, ROWS)
    left, right = np.split(around, 2)
    assert len(left) > 10
    np.testing.assert_allclose(left, right, rtol=1e-13)
    features = [pipeline[:-1].transform(to_frame(side, CONTRACT)) for side in (left, right)]
    assert (features[0] != features[1]).any(axis=1).all()


def test_rows_keep_the_contract() -> None:
    """Hostile rows lie within the ranges, and only what may be missing is missing."""
    pipeline = fit_pipeline(CONFIG, orchard_frame(400))
    rows = np.concatenate([*threshold_rows(pipeline, CONTRACT, ROWS), edge_rows(CONTRACT, ROWS)])
    for feature, column in zip(CONTRACT.features, rows.T, strict=True):
        if not feature.nullable:
            assert not np.isnan(column).any()
        if feature.minimum is not None:
            assert np.nanmin(column) >= feature.minimum
        if feature.maximum is not None:
            assert np.nanmax(column) <= feature.maximum


def test_edges_hold_every_extreme() -> None:
    """Range ends, every category, the unknown one, missing, true and false are all there."""
    age, _, _, slope, pruned, sort, soil = edge_rows(CONTRACT, ROWS).T
    assert {1.0, 90.0} <= set(age)
    assert np.isnan(slope).any()
    assert {0.0, 5e-324, 1e300} <= set(slope)
    assert {0.0, 1.0} == set(pruned)
    assert {0.0, 1.0, 2.0} == set(sort)
    assert {0.0, 1.0, 2.0, 3.0, UNKNOWN_CATEGORY} <= set(soil)
    assert np.isnan(soil).any()
