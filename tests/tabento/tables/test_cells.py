"""Cells that are parsed by column are equal to cells that are parsed one at a time."""

from __future__ import annotations

import decimal
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabento.bundle.contract import Feature
from tabento.tables.cells import parse_cell, parse_column, repeated_rows

COLUMNS = (
    Feature(name="a", type="number"),
    Feature(name="a", type="integer"),
    Feature(name="a", type="boolean"),
    Feature(name="a", type="category", categories=("COX",), case="upper"),
)
MISSING = (None, math.nan, pd.NA)
TEXTS = ("1", "1.0", " 2 ", "+.5", "1e3", "1_000", "nan", "-Inf", "true", "FALSE ", "cox", "Cox", "", "١", "0x1")
"""Among them what Python takes for a number and a CSV file does not mean as one."""
OTHER_CELLS = (1, 1.0, True, False, 0, -0.0, 10**400, -(10**400), np.int64(1), np.True_, decimal.Decimal(1))

_TEXT = st.sampled_from(TEXTS + MISSING)
_CELLS = st.sampled_from(TEXTS + OTHER_CELLS + MISSING)


def by_cell(cells: list[Any], column: Feature) -> tuple[list[float | str | None], list[bool]]:
    """Parse a column by its definition, one cell after another."""
    values: list[float | str | None] = []
    wrong = []
    for cell in cells:
        missing = bool(pd.isna(cell))
        value = None if missing else parse_cell(cell, column)
        values.append(math.nan if value is None and column.type != "category" else value)
        wrong.append(value is None and not missing)
    return values, wrong


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.type)
@given(cells=st.lists(_TEXT, max_size=12) | st.lists(_CELLS, max_size=12))
def test_a_column_is_what_its_cells_are(column: Feature, cells: list[Any]) -> None:
    """In their values to the last bit, in their types, and in which of them are wrong."""
    series = pd.Series(cells, dtype=object, index=range(7, 7 + len(cells)))
    values, wrong = parse_column(series, column)
    expected, expected_wrong = by_cell(cells, column)
    assert values.index.equals(series.index)
    assert wrong.tolist() == expected_wrong
    if column.type == "category":
        assert values.dtype == object
        assert values.tolist() == expected
    else:
        assert values.to_numpy().tobytes() == np.array(expected, dtype=np.float64).tobytes()


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.type)
@pytest.mark.parametrize(
    "series",
    [
        pd.Series(["1", "cox", None, "true"], dtype="str"),
        pd.Series(["1", "cox", None, "true"], dtype="string"),
        pd.Series([True, False]),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series([1.5, math.nan], dtype="float32"),
        pd.Series(["cox", "1", "cox"], dtype="category"),
        pd.Series([pd.Timestamp("2020-01-01"), None]),
        pd.Series([None, None], dtype=object),
        pd.Series([], dtype="str"),
    ],
    ids=lambda series: str(series.dtype),
)
def test_typed_columns_are_accepted(column: Feature, series: pd.Series[Any]) -> None:
    """The cells of a column have one meaning, regardless of the type that pandas gives the column."""
    values, wrong = parse_column(series, column)
    expected, expected_wrong = by_cell(series.astype(object).tolist(), column)
    assert wrong.tolist() == expected_wrong
    pd.testing.assert_series_equal(values, pd.Series(expected, dtype=values.dtype))
    assert values.dtype == (object if column.type == "category" else np.float64)


def test_equal_cells_are_parsed_once() -> None:
    """A million cells of three categories are three strings."""
    rng = np.random.default_rng(0)
    cells = pd.Series(rng.choice(["Cox", "cox", "Boskoop"], 200_000))
    values, wrong = parse_column(cells, COLUMNS[3])
    assert len({id(value) for value in values}) == 3
    assert values.tolist() == [cell.upper() for cell in cells]
    assert not wrong.any()


_SPECIAL_NUMBERS = st.sampled_from([0.0, -0.0, 1.0, math.nan, -math.nan, math.inf])


@given(
    st.lists(
        st.tuples(
            _SPECIAL_NUMBERS,
            st.sampled_from(["a", "b", None]),
            st.sampled_from([0, 1, True, "1", 1.0, None]),
            _SPECIAL_NUMBERS,
        ),
        max_size=30,
    )
)
def test_repeated_rows_are_those_that_pandas_finds(rows: list[tuple[Any, ...]]) -> None:
    """Zero has one sign, missing values equal each other, and the first of equal rows is none."""
    table = pd.DataFrame({place: [row[place] for row in rows] for place in range(4)}).astype({2: object, 0: "float32"})
    assert repeated_rows(table).tolist() == table.duplicated().tolist()


def test_few_repetitions_are_found_among_many_rows() -> None:
    """Repeated rows are found for columns of every type that a file can have."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "a": rng.normal(size=100_000),
            "b": rng.integers(0, 5, 100_000),
            "c": rng.choice(["x", "y"], 100_000),
            "d": rng.random(100_000) < 0.5,
        }
    )
    table.loc[[7, 99_999]] = table.loc[[3, 5]].to_numpy()
    table = table.astype({"b": "int64", "d": bool})
    assert np.flatnonzero(repeated_rows(table)).tolist() == [7, 99_999]
    assert repeated_rows(table.head(0)).tolist() == []
