"""The space of a contract's rows, and the rows that need no search."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.judge.rows import extremes, grid_neighbours, mix_rows, recombine_values, special_values
from benchmarks.judge.space import Space, resolution
from tabento.bundle.contract import Contract, Feature, Output

CONTRACT = Contract(
    name="table",
    title="Table",
    description="Test data.",
    task="regression",
    features=(
        Feature(name="price", type="number", minimum=0, maximum=50, nullable=True),
        Feature(name="count", type="integer", minimum=-3, maximum=9),
        Feature(name="colour", type="category", categories=("red", ""), nullable=True, unknown="ignore"),
    ),
    output=Output(name="answer"),
)
FRAME = pd.DataFrame({"price": [1.25, np.nan, 3.5], "count": [1, 2, 3], "colour": ["red", None, ""]})


def test_rows_keep_their_values_in_every_form() -> None:
    """Rows keep their values as numbers, as the owner's frame, as packed rows and as a request."""
    space = Space.from_contract(CONTRACT, FRAME, {"colour": np.dtype(object)}, None)
    rows = space.matrix(FRAME)
    owner = space.owner_frame(rows)
    assert owner["colour"].tolist() == ["red", None, ""]
    packed = space.packed(rows)
    assert packed[0].tolist() == [1.25, 1.0, 0.0]
    assert np.isnan(packed[1, [0, 2]]).all()
    assert space.request_row(rows[1]) == {"price": None, "count": 2.0, "colour": None}


def test_unknown_texts_have_the_code_of_unknown() -> None:
    """A text outside the contract has an index of its own in the space, and the code -1 in the graph."""
    space = Space.from_contract(CONTRACT, FRAME, {}, np.nan)
    column = space.columns[2]
    assert column.n_known == 2
    assert len(column.texts) > 4
    packed = space.packed(np.array([[1.0, 1.0, float(column.n_known)]]))
    assert packed[0, 2] == -1.0


def test_owner_types_are_kept() -> None:
    """Categories and dates keep their pandas types in the owner's frame."""
    kind = pd.CategoricalDtype(["red", ""])
    space = Space.from_contract(CONTRACT, FRAME, {"colour": kind, "price": np.dtype("datetime64[ns]")}, np.nan)
    frame = space.owner_frame(space.matrix(FRAME))
    assert frame["colour"].dtype == kind
    assert str(frame["price"].dtype).startswith("datetime64")


def test_the_resolution_of_a_column_follows_its_decimals() -> None:
    """Integers have the resolution 1, decimals their last digit, and measured doubles none."""
    assert resolution(np.array([1.0, 20.0])) == 1.0
    assert resolution(np.array([5.7, 3.4])) == 0.1
    assert resolution(np.random.default_rng(1).random(50)) == 0.0


def test_special_values_keep_the_contract() -> None:
    """Special values are in the range, contain NaN if the contract accepts null, and are integers for an integer column."""
    space = Space.from_contract(CONTRACT, FRAME, {}, np.nan)
    price = special_values(space.columns[0])
    assert np.isnan(price[0])
    assert {0.0, 50.0, 5e-324, 1.0} <= set(price[1:])
    assert all(0 <= value <= 50 for value in price[1:])
    count = special_values(space.columns[1])
    assert all(value.is_integer() and -3 <= value <= 9 for value in map(float, count))
    assert len(special_values(space.columns[2])) == 1 + len(space.columns[2].texts)


def test_rows_without_a_search_keep_the_contract() -> None:
    """Rows without a search are in the contract's range, and neighbours have the column's decimals."""
    space = Space.from_contract(CONTRACT, FRAME, {}, np.nan)
    plain, draw = space.matrix(FRAME), np.random.default_rng(3)
    neighbours = grid_neighbours(plain, space, 200, draw)
    assert set(np.unique(neighbours[:, 1])) <= set(np.arange(-3, 10))
    prices = neighbours[~np.isnan(neighbours[:, 0]), 0]
    assert np.array_equal(np.round(prices, 2), prices)
    assert len(set(prices)) > 4
    for rows in (recombine_values(plain, 50, draw), mix_rows(plain, 50, draw), extremes(plain, space, 100, draw)):
        assert rows.shape[1] == 3
        space.packed(rows)
