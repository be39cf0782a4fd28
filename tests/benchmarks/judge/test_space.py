"""The space of a contract's rows, and the rows that need no search."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.judge.rows import extremes, grid_neighbours, mixed, recombined, special_values
from benchmarks.judge.space import Space, resolution
from bundle.contract import Contract, Feature, Output

CONTRACT = Contract(
    name="table",
    title="Table",
    description="Made up.",
    task="regression",
    features=(
        Feature(name="price", type="number", minimum=0, maximum=50, nullable=True),
        Feature(name="count", type="integer", minimum=-3, maximum=9),
        Feature(name="colour", type="category", categories=("red", ""), nullable=True, unknown="ignore"),
    ),
    output=Output(name="answer"),
)
FRAME = pd.DataFrame({"price": [1.25, np.nan, 3.5], "count": [1, 2, 3], "colour": ["red", None, ""]})


def test_rows_keep_their_values_on_every_way() -> None:
    """As numbers, as the owner's frame, packed and shown."""
    space = Space.of(CONTRACT, FRAME, {"colour": np.dtype(object)}, None)
    rows = space.matrix(FRAME)
    owner = space.owner_frame(rows)
    assert owner["colour"].tolist() == ["red", None, ""]
    packed = space.packed(rows)
    assert packed[0].tolist() == [1.25, 1.0, 0.0]
    assert np.isnan(packed[1, [0, 2]]).all()
    assert space.shown(rows[1]) == {"price": None, "count": 2.0, "colour": None}


def test_unknown_texts_travel_as_unknown() -> None:
    """Texts that the contract does not list have places of their own, and the code -1 in the graph."""
    space = Space.of(CONTRACT, FRAME, {}, np.nan)
    column = space.columns[2]
    assert column.known == 2
    assert len(column.texts) > 4
    packed = space.packed(np.array([[1.0, 1.0, float(column.known)]]))
    assert packed[0, 2] == -1.0


def test_owner_types_are_kept() -> None:
    """pandas' categories and dates come back as such."""
    kind = pd.CategoricalDtype(["red", ""])
    space = Space.of(CONTRACT, FRAME, {"colour": kind, "price": np.dtype("datetime64[ns]")}, np.nan)
    frame = space.owner_frame(space.matrix(FRAME))
    assert frame["colour"].dtype == kind
    assert str(frame["price"].dtype).startswith("datetime64")


def test_the_resolution_of_a_column_is_that_of_its_decimals() -> None:
    """Integers, decimals, and none for measured doubles."""
    assert resolution(np.array([1.0, 20.0])) == 1.0
    assert resolution(np.array([5.7, 3.4])) == 0.1
    assert resolution(np.random.default_rng(1).random(50)) == 0.0


def test_special_values_keep_the_contract() -> None:
    """Ends, zeros, tiny values, missing if null is taken, integers without a fraction."""
    space = Space.of(CONTRACT, FRAME, {}, np.nan)
    price = special_values(space.columns[0])
    assert np.isnan(price[0])
    assert {0.0, 50.0, 5e-324, 1.0} <= set(price[1:])
    assert all(0 <= value <= 50 for value in price[1:])
    count = special_values(space.columns[1])
    assert all(value.is_integer() and -3 <= value <= 9 for value in map(float, count))
    assert len(special_values(space.columns[2])) == 1 + len(space.columns[2].texts)


def test_rows_without_a_search_keep_the_contract() -> None:
    """Neighbours at the column's decimals are written as a person writes them."""
    space = Space.of(CONTRACT, FRAME, {}, np.nan)
    plain, draw = space.matrix(FRAME), np.random.default_rng(3)
    near = grid_neighbours(plain, space, 200, draw)
    assert set(np.unique(near[:, 1])) <= set(np.arange(-3, 10))
    prices = near[~np.isnan(near[:, 0]), 0]
    assert np.array_equal(np.round(prices, 2), prices)
    assert len(set(prices)) > 4
    for rows in (recombined(plain, 50, draw), mixed(plain, 50, draw), extremes(plain, space, 100, draw)):
        assert rows.shape[1] == 3
        space.packed(rows)
