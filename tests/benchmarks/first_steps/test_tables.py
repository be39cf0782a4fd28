"""The synthetic tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.first_steps.tables import TABLES


@pytest.mark.parametrize("name", TABLES)
def test_table_is_the_same_each_time(tmp_path: Path, name: str) -> None:
    """The same seed gives the same bytes, and the target is a column."""
    table = TABLES[name]
    first = table.write(tmp_path, 60).read_bytes()
    assert table.write(tmp_path, 60).read_bytes() == first
    assert table.target in first.decode().splitlines()[0]


def test_traps_are_there(tmp_path: Path) -> None:
    """Blanks, semicolons with quotes, NA, question marks with a blank in front, and two times."""
    texts = {name: table.write(tmp_path, 400).read_text() for name, table in TABLES.items()}
    assert re.search(r"\d, ,(Yes|No)\n", texts["telco"])
    assert '"age";"job"' in texts["bank"]
    assert ",NA," in texts["ames"]
    assert texts["ames"].splitlines()[0].count(",") == 80
    assert ", ?," in texts["adult"]
    assert "tpep_pickup_datetime,tpep_dropoff_datetime" in texts["taxi"]
