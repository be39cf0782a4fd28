"""Validated rows are the same after writing and reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.orchards import orchard_config
from training.data.parquet import read_table, write_table
from training.data.synthetic import generate
from training.data.validation import validate


def valid_rows() -> pd.DataFrame:
    """Return rows with the types of validation: numbers, booleans, texts, some of them missing."""
    config = orchard_config()
    return validate(generate(config.synthetic), config)


@pytest.mark.parametrize("rows", [1, 60])
def test_frame_is_equal_after_reading(tmp_path: Path, rows: int) -> None:
    """Index, order of columns, types, NaN and None are the same, bit for bit."""
    frame = valid_rows().sample(rows, random_state=1)
    write_table(frame, tmp_path / "rows.parquet")
    back = read_table(tmp_path / "rows.parquet")
    pd.testing.assert_frame_equal(back, frame, check_exact=True)
    assert [type(value) for value in back["soil"]] == [type(value) for value in frame["soil"]]


def test_column_without_any_value_keeps_its_type(tmp_path: Path) -> None:
    """Columns without any value keep their types, so that later messages are the same."""
    frame = pd.DataFrame({"a": [np.nan, np.nan], "b": pd.Series([None, None], dtype=object)})
    write_table(frame, tmp_path / "rows.parquet")
    back = read_table(tmp_path / "rows.parquet")
    assert back.dtypes.to_list() == [np.float64, object]
    assert back["b"].to_list() == [None, None]


def test_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    """Two runs on the same data write the same file, so that no later stage runs again."""
    for name in ("a", "b"):
        write_table(valid_rows(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
