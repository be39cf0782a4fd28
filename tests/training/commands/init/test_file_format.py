"""The format of a file, and the messages of files that cannot be read."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pandas as pd
import pytest

from training.commands.init.errors import InitError
from training.commands.init.file_format import FileFormat, detect_format


def write_file(path: Path, content: bytes) -> Path:
    """A file with some content."""
    path.write_bytes(content)
    return path


def test_plain_file_needs_no_copy(tmp_path: Path) -> None:
    """UTF-8 with commas, with or without a byte order mark, is read as it is."""
    assert detect_format(write_file(tmp_path / "a.csv", b"a,b\n1,2\n")).is_plain
    assert detect_format(write_file(tmp_path / "b.csv", "\ufeffa,b\n1,é\n".encode())).is_plain


@pytest.mark.parametrize(
    ("content", "changes"),
    [
        (b"a;b\n1,5;2\n", ["semicolons", "decimal commas in a"]),
        (b"a\tb\n1\t2\n", ["tabs"]),
        (gzip.compress(b"a,b\n1,2\n"), ["gzip"]),
        ("a,b\n1,ü\n".encode("latin-1"), ["Latin-1"]),
        ("a,b\n1,ü\n".encode("utf-16"), ["UTF-16"]),
        (b"sep=,\na,b\n1,2\n", ["a first line `sep=`"]),
        (b" a,b\n1,2\n", ["blanks around the names of columns, or empty names"]),
        (b"a,,\n1,2,3\n", ["blanks around the names of columns, or empty names"]),
    ],
)
def test_changes_are_told(tmp_path: Path, content: bytes, changes: list[str]) -> None:
    """What a copy has to change is said in words."""
    assert detect_format(write_file(tmp_path / "a.csv", content)).changes() == changes


def test_parquet_is_known_by_its_content(tmp_path: Path) -> None:
    """The name of a file does not matter."""
    path = tmp_path / "rows.csv"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    assert detect_format(path) == FileFormat(kind="parquet")


def test_wishes_win(tmp_path: Path) -> None:
    """An encoding and a delimiter that somebody names are taken."""
    path = write_file(tmp_path / "a.csv", "a;b,c\nж;2,3\n".encode("cp1251"))
    file_format = detect_format(path, encoding="cp1251", delimiter=";")
    assert (file_format.encoding.codec, file_format.delimiter.character, file_format.header) == (
        "cp1251",
        ";",
        ("a", "b,c"),
    )
    assert detect_format(write_file(path, b"a,b\n1,2\n"), encoding="UTF-8").is_plain


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: expected a table"),
        (b"\n \n", "is empty: expected a table"),
        (gzip.compress(b"a,b\n1,2\n" * 1000)[:40], "cannot be unpacked"),
        (b"\x1f\x8bno gzip", "cannot be unpacked"),
        (gzip.compress(b"PAR1...."), "got Parquet. Unpack it first"),
    ],
)
def test_unreadable_file_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    """The message names the file, the expected and the actual content."""
    path = write_file(tmp_path / "rows.csv", content)
    with pytest.raises(InitError, match=message) as raised:
        detect_format(path)
    assert str(path) in str(raised.value)


def test_file_that_is_not_there_is_told_with_near_names(tmp_path: Path) -> None:
    """The message suggests the name of a file for a misspelt one; a folder is not a file."""
    write_file(tmp_path / "telco.csv", b"a,b\n")
    with pytest.raises(InitError, match=r"there is no file .*telko.csv.* Did you mean .*telco.csv\?"):
        detect_format(tmp_path / "telko.csv")
    with pytest.raises(InitError, match="There is no folder"):
        detect_format(tmp_path / "nowhere" / "telco.csv")
    with pytest.raises(InitError, match="is a folder; expected a file"):
        detect_format(tmp_path)


def test_pipe_is_told(tmp_path: Path) -> None:
    """A file is read several times."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InitError, match="is not a regular file"):
        detect_format(tmp_path / "pipe")


def test_unknown_encoding_is_told(tmp_path: Path) -> None:
    """A name that Python does not know is refused, and so are bytes that are not of the named encoding."""
    path = write_file(tmp_path / "a.csv", b"a,b\n1,2\n")
    with pytest.raises(InitError, match="--encoding: expected an encoding such as utf-8"):
        detect_format(path, encoding="klingon")
