"""The converted copy."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from training.commands.init.conversion import write_copy
from training.commands.init.errors import InitError
from training.commands.init.file_format import detect_format


def copy_text(path: Path, target: str | None = None) -> str:
    """The text of a file's copy."""
    copy = path.parent / "copies" / "copy.csv"
    write_copy(path, detect_format(path), copy, target=target)
    return copy.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a;b\n1,5;ü\n;x\n".encode("cp1252"), "a,b\n1.5,ü\n,x\n"),
        ("a\tb\r\n1\t\u00e9\r\n".encode("utf-16"), "a,b\n1,é\n"),
        (b'a, b\n1, "x, y"\n2, z\n', 'a,b\n1,"x, y"\n2,z\n'),
        (gzip.compress(b"a,b\n1,2\n"), "a,b\n1,2\n"),
        (b"sep=;\na;b\n1;2\n", "a,b\n1,2\n"),
        (b"a,,\n1,2,3\n", "a,unnamed_1,unnamed_2\n1,2,3\n"),
        (b";a\n0;1\n", ",a\n0,1\n"),
        (b'a;b\n1;"x\ny"\n', 'a,b\n1,"x\ny"\n'),
        (b"a;b\n1;2;3\n4\n", "a,b\n1,2,3\n4\n"),
    ],
)
def test_copy_is_plain(tmp_path: Path, content: bytes, text: str) -> None:
    """The copy has the same values in UTF-8 with commas; rows of a wrong length stay so, for the reader to name them."""
    path = tmp_path / "rows"
    path.write_bytes(content)
    assert copy_text(path) == text


def test_parquet_becomes_text(tmp_path: Path) -> None:
    """Integers with missing values stay integers; times, truth values and NaN are written as a CSV file has them."""
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None], dtype="Int64"),
            "number": [0.1, float("nan")],
            "flag": [True, False],
            "at": pd.Series(pd.to_datetime(["2024-01-02 03:04:05"])).reindex([0, 1]),
            "kind": pd.Categorical(["a", "b"]),
        }
    )
    frame.to_parquet(tmp_path / "rows.parquet")
    lines = copy_text(tmp_path / "rows.parquet").splitlines()
    assert lines[0] == "whole,number,flag,at,kind"
    assert lines[1].startswith("1,0.1,true,2024-01-02 03:04:05")
    assert lines[2] == ",,false,,b"


def test_nested_parquet_column_is_told(tmp_path: Path) -> None:
    """A list in a cell is not a value; the error names the column."""
    pd.DataFrame({"a": [1], "tags": [["x", "y"]]}).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(InitError, match="column 'tags' holds list"):
        copy_text(tmp_path / "rows.parquet")


def test_broken_parquet_is_told(tmp_path: Path) -> None:
    """A file that only begins like Parquet is damaged."""
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1 and nothing else PAR1")
    with pytest.raises(InitError, match="cannot be read as Parquet"):
        copy_text(path)


def test_rows_without_target_are_left_out(tmp_path: Path) -> None:
    """A row whose target is a missing marker teaches nothing."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,y\n1,yes\n2,\n3,NA\n4,?\n5,no\n6\n")
    copy = tmp_path / "copy.csv"
    assert write_copy(path, detect_format(path), copy, target="y") == 3
    assert copy.read_text(encoding="utf-8") == "a,y\n1,yes\n5,no\n6\n"


def test_target_without_a_value_is_told(tmp_path: Path) -> None:
    """If all rows are left out, the message is about the target and names the given file."""
    (tmp_path / "rows.csv").write_bytes(b"a;y\n1;\n2;NA\n")
    with pytest.raises(InitError, match=r"^rows.csv, target 'y': expected at least two different values, got none"):
        copy_text(tmp_path / "rows.csv", "y")
    assert list((tmp_path / "copies").iterdir()) == []


def test_failed_copy_leaves_nothing(tmp_path: Path) -> None:
    """Bytes that are not of the encoding end the copy; no half of a file stays behind."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a;b\n" + b"1;2\n" * 300_000 + b"\xff\xfe\n")
    file_format = detect_format(path, encoding="ascii")
    with pytest.raises(InitError, match="expected ascii, got bytes that are none"):
        write_copy(path, file_format, tmp_path / "copies" / "copy.csv")
    assert list((tmp_path / "copies").iterdir()) == []


def test_copy_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file in the place of the folder is named."""
    (tmp_path / "rows.csv").write_bytes(b"a;b\n1;2\n")
    (tmp_path / "copies").write_text("a file")
    with pytest.raises(InitError, match=r"copy.csv cannot be written"):
        copy_text(tmp_path / "rows.csv")
