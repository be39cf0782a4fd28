"""Hostile rows: numbers on edges, unlisted strings, and values that clients cannot send."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from serving.codec.decode import Decoder
from serving.errors import InvalidError, MalformedError
from tabento.bundle.contract import UNKNOWN_CATEGORY
from tabento.bundle.errors import ContractError
from tabento.export.convert import plain_graph
from tabento.packaging.examples import to_json_row
from tabento.parity.rows.hostile_rows import (
    UNKNOWN_STRINGS,
    edge_rows,
    has_whole_integers,
    hostile_rows,
    keeps_contract,
    mixed_rows,
    refusals,
    unknown_rows,
)
from tabento.parity.rows.thresholds import thresholds_of
from tabento.tables.frames import to_frame, to_rows
from tests.tabento.parity.specimens import FEATURES, contract, fit_specimen, make_preprocessing, table
from tests.training.orchards import orchard_config, orchard_frame
from training.model.pipeline import fit_pipeline

ORCHARD = orchard_config().contract()
TREES = to_rows(orchard_frame(100, seed=8), ORCHARD)
CONTRACT = contract()
ROWS = to_rows(table(100, seed=4)[0], CONTRACT)


def test_number_of_rows_is_kept() -> None:
    """Thresholds are sampled if there are more of them than rows."""
    pipeline = fit_specimen(make_pipeline(make_preprocessing(), DecisionTreeRegressor(random_state=0)))
    kinds = hostile_rows(pipeline, CONTRACT, ROWS, thresholds_of(plain_graph(pipeline, CONTRACT)), 800)
    assert 400 <= sum(len(kind.packed) for kind in kinds) <= 880


def test_rows_keep_the_contract() -> None:
    """Hostile rows are within the ranges, and only nullable columns have missing values."""
    pipeline = fit_pipeline(orchard_config(), orchard_frame(400))
    kinds = hostile_rows(pipeline, ORCHARD, TREES, thresholds_of(plain_graph(pipeline, ORCHARD)), 5000)
    assert {kind.name for kind in kinds} == {
        "thresholds",
        "derived_thresholds",
        "edges",
        "mixed",
        "unknown_categories",
    }
    for kind in kinds:
        assert len(kind.packed) == len(kind.frame) > 0
        assert keeps_contract(kind.packed, ORCHARD).all()


def test_edges_hold_every_extreme() -> None:
    """Range ends, every category, the unknown one, missing, true and false are all there."""
    age, _, _, slope, pruned, sort, soil = edge_rows(ORCHARD, TREES).T
    assert {1.0, 90.0} <= set(age)
    assert (age == np.floor(age)).all()
    assert np.isnan(slope).any()
    assert {0.0, 5e-324, -1e-300, 1e15, float(2**53)} <= set(slope)
    assert {0.0, 1.0} == set(pruned)
    assert {0.0, 1.0, 2.0} == set(sort)
    assert {0.0, 1.0, 2.0, 3.0, UNKNOWN_CATEGORY} <= set(soil)
    assert np.isnan(soil).any()


def test_edges_come_together() -> None:
    """Some rows have every number at its end, and some have everything missing that may be."""
    rows = edge_rows(CONTRACT, ROWS)
    assert (rows[:, :4] == [-10, 0, 0, -10]).all(axis=1).any()
    assert (rows[:, :4] == [10, 1e6, 60, 10]).all(axis=1).any()
    assert (np.isnan(rows[:, 3]) & np.isnan(rows[:, 5])).any()


def test_edges_fit_into_their_room() -> None:
    """With little room each edge is tried on one row only, or not at all."""
    assert len(edge_rows(CONTRACT, ROWS, 10)) == 10
    assert len(edge_rows(CONTRACT, ROWS, 100)) <= 100


def test_unknown_strings_are_seen_by_the_pipeline() -> None:
    """Strings that the contract does not list reach the pipeline as they are, and travel as the unknown code."""
    rows = unknown_rows(CONTRACT, ROWS)
    assert set(rows.frame["kind"]) == set(UNKNOWN_STRINGS) - {""}
    assert (rows.packed[:, 5] == UNKNOWN_CATEGORY).all()
    assert len(unknown_rows(CONTRACT.model_copy(update={"features": FEATURES[:5]}), ROWS[:, :5]).packed) == 0


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e300, -11, 11, None])
def test_excluded_rows_are_refused_by_the_service(value: float | None) -> None:
    """No row of the proof has a number that the decoder of requests would refuse, and the report counts such rows."""
    row = to_json_row(to_frame(ROWS[:1], CONTRACT).iloc[0].to_dict(), CONTRACT)
    decoder = Decoder(CONTRACT, 10)
    decoder.decode(json.dumps(row).encode())
    with pytest.raises((InvalidError, MalformedError)):
        decoder.decode(json.dumps({**row, "size": value}).encode())
    packed = ROWS[:1].copy()
    packed[0, 0] = math.nan if value is None else value
    assert not keeps_contract(packed, CONTRACT).any()


def test_refused_categories_are_refused_in_training_too() -> None:
    """An unknown category that the contract refuses cannot be packed, so it is not compared."""
    frame = orchard_frame(3)
    frame.loc[0, "sort"] = "PINK LADY"
    with pytest.raises(ContractError, match="PINK LADY"):
        to_rows(frame, ORCHARD)
    packed = TREES[:1].copy()
    packed[0, 5] = UNKNOWN_CATEGORY
    assert not keeps_contract(packed, ORCHARD).any()
    assert "unknown categories of sort" in refusals(ORCHARD)
    assert "missing values of age, crown width, height, pruned, sort" in refusals(ORCHARD)


def test_mixed_rows_take_each_value_from_a_row() -> None:
    """Every value of a mixed row is in its column of the table, and the rows themselves are not in the table."""
    rows = np.arange(40.0).reshape(10, 4)
    mixed = mixed_rows(rows, 30)
    assert mixed.shape == (30, 4)
    assert all(np.isin(mixed[:, index], rows[:, index]).all() for index in range(4))
    assert not (mixed[:, np.newaxis] == rows).all(axis=2).all()


def test_integers_with_a_fraction_are_marked() -> None:
    """A fraction in an integer's column is marked; a missing integer, and a fraction in a number's column, are not."""
    rows = np.array([[0.5, 1.0, 3.0, 0.0, 0.0, 0.0], [0.0, 1.0, 3.5, 0.0, 0.0, 0.0], [0.0, 1.0, np.nan, 0.0, 0.0, 0.0]])
    assert has_whole_integers(rows, contract()).tolist() == [True, False, True]
