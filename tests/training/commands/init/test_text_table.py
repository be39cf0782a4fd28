"""The table as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabento.tables.faults import DataError
from training.commands.init.errors import InitError
from training.commands.init.text_table import read_text_table


def table_of(folder: Path, text: str) -> Path:
    """A file with some text."""
    path = folder / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_cells_stay_as_they_are(tmp_path: Path) -> None:
    """Nothing is read into a cell: neither numbers, nor missing values, nor blanks."""
    table = read_text_table(table_of(tmp_path, "a,b\n007, \nNA,?\n"))
    assert table.frame.to_numpy().tolist() == [["007", " "], ["NA", "?"]]
    assert (table.is_whole, table.rows_in_file) == (True, 2)


def test_large_file_is_read_in_part(tmp_path: Path) -> None:
    """Of a file beyond the limit, whole rows from its beginning are read, never the half of a quoted one."""
    rows = "".join(f'{number:04d},"x\ny"\n' for number in range(1_000))
    table = read_text_table(table_of(tmp_path, "a,b\n" + rows), prefix_bytes=1_009)
    assert not table.is_whole
    assert table.frame["b"].unique().tolist() == ["x\ny"]
    assert len(table.frame) == 1_005 // 11
    assert table.rows_in_file == pytest.approx(1_000, rel=0.02)


@pytest.mark.parametrize("text", ["a\n1\n2\n", "a b c\n1 2 3\n"])
def test_one_column_is_told(tmp_path: Path, text: str) -> None:
    """A table has a target and something to learn from; another delimiter may be the reason."""
    with pytest.raises(InitError, match=r"expected at least two columns.*--delimiter"):
        read_text_table(table_of(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", "has a header but no rows"),
        ("a,b\n1,2\n3\n", "expected 2 values in each row"),
        ("a,b\n1,2,3\n4,5\n", "more values than the header"),
        ("a,a\n1,2\n", "'a' more than once"),
        ('a,b\n1,"2\n', "quote"),
    ],
)
def test_ragged_table_is_told(tmp_path: Path, text: str, message: str) -> None:
    """The reader that training uses reports the errors of a file."""
    with pytest.raises(DataError, match=message):
        read_text_table(table_of(tmp_path, text))


def test_index_without_a_name_has_the_name_of_training(tmp_path: Path) -> None:
    """A column that pandas wrote without a name is called as training's reader calls it."""
    assert list(read_text_table(table_of(tmp_path, ",a\n0,1\n")).frame.columns) == ["Unnamed: 0", "a"]
