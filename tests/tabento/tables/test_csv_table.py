"""A CSV file becomes a table, or an error names the wrong row; no value is filled in or dropped silently."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabento.tables.checked_text import HEAD_BYTES
from tabento.tables.csv_table import CELL_LIMIT, csv_text, read_cells, read_csv, read_stream
from tabento.tables.faults import DataError


def table(content: str | bytes, *, text: tuple[str, ...] = ()) -> pd.DataFrame:
    """Parse a file's content by both functions, and return their common result."""
    raw = content.encode() if isinstance(content, str) else content
    frame, sha256 = read_stream(io.BytesIO(raw), "rows.csv", text, ("", "NA"))
    assert sha256 == hashlib.sha256(raw).hexdigest()
    pd.testing.assert_frame_equal(read_csv(csv_text(raw, "rows.csv"), "rows.csv", text, ("", "NA")), frame)
    return frame


def refusal(content: str | bytes) -> DataError:
    """Return the error about a refusal file."""
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(DataError, match=r"rows\.csv") as error:
        read_stream(io.BytesIO(raw), "rows.csv", (), ("", "NA"))
    return error.value


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,x\n,NA\n3,z\n",
        "a,b\r\n1,x\r\n,NA\r\n3,z\r\n",
        "a,b\r1,x\r,NA\r3,z",
        "\ufeffa,b\n1,x\n,NA\n3,z",
        "\n  \na,b\n1,x\n,NA\n\n3,z\n\n \n\n",
        '"a","b"\n1,"x"\n,NA\n"3",z\n',
    ],
)
def test_line_ends_marks_quotes_and_blank_lines_do_not_matter(content: str) -> None:
    """The table does not depend on line ends, byte order marks, quotes and blank lines."""
    frame = table(content)
    assert list(frame.columns) == ["a", "b"]
    assert frame["a"].tolist()[::2] == [1.0, 3.0]
    assert frame["b"].tolist()[::2] == ["x", "z"]
    assert frame.loc[1].isna().all()


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)


@given(st.lists(st.tuples(_TEXT, _TEXT, st.floats(allow_nan=False)), min_size=1, max_size=8))
def test_written_rows_are_read(rows: list[tuple[str, str, float]]) -> None:
    """Commas, quotes and line ends within values are preserved, and numbers keep their bits."""
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["a", "b", "c"], *rows])
    frame, _ = read_stream(io.BytesIO(buffer.getvalue().encode()), "rows.csv", ("a", "b"), ())
    assert [*frame.itertuples(index=False, name=None)] == rows


def test_dates_times_and_codes_stay_text() -> None:
    """Only decimal numbers and booleans are converted, as in ``pandas.read_csv``; pyarrow.csv converts all of these."""
    frame = table("day,time,code,word\n2026-01-01,12:30,0x10,NaN\n2026-01-02,12:31,1,nan\n")
    assert frame.to_numpy().tolist() == [["2026-01-01", "12:30", "0x10", "NaN"], ["2026-01-02", "12:31", "1", "nan"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n", "expected 2 values in each row, as in the header; 1 row is shorter: 1 value in row 2"),
        ("a,b\n1,2\n3,4", None),
        ("a,b,c\n1,2,3\n\n4,5\n6\n7,8,9\n", "2 rows are shorter: 2 values in row 2, 1 value in row 3"),
        ('a,b,c\n1,"2,2",3\n4,"5,5"\n', "3 values in each row, .* 1 row is shorter: 2 values in row 2"),
        ('a,b\n1,5" pipe\n2,3" pipe and 4"\n', None),
        ('a,b\n1,5" pipe\n2\n', "1 row is shorter: 1 value in row 2"),
        ("a,b\n1,2\n3,4,5\n", "not a well-formed CSV file: expected 2 values as in the header, got 3 in line 3"),
        ('a,b\n1,2\n3,"4\n5,6\n', "a quote that opens in row 2 below the header is never closed"),
        ("a,b\n0,1,2\n1,3,4\n", "more values than the header has names; .* 2 rows are longer: 3 values in row 1"),
        ("a,b\n1,2,\n3,4,\n", "more values than the header has names; .* 2 rows are longer"),
        ("a,b\n1,2,\n3,4\n5\n", "2 rows are shorter or longer: 3 values in row 1, 1 value in row 3"),
        ("a,b\n", "has a header but no rows"),
        ("a;b\n1;2\n", "got semicolons"),
        ("a|b\n1|2\n", "got bars"),
        ("\n\na,b,a\n1,2,3\n", "got 'a' more than once"),
    ],
)
def test_each_row_has_as_many_values_as_the_header(content: str, message: str | None) -> None:
    """A truncated row is an error and has no missing values; stray quotes within a value are accepted."""
    if message is None:
        assert len(table(content)) == 2
    else:
        with pytest.raises(DataError, match=rf"rows\.csv.*{message}"):
            table(content)


def test_at_most_five_short_rows_are_shown() -> None:
    """The count includes all of them."""
    error = refusal("a,b\n" + "1\n" * 40)
    (fault,) = error.faults
    assert (fault.count, len(fault.examples)) == (40, 5)
    assert "and 35 more, counted from 1 below the header" in str(error)


def test_a_value_without_end_is_refused() -> None:
    """Two distant lost quotes make one value of everything between; the error has its row and length."""
    swallowed = "x,1\n" * CELL_LIMIT
    error = refusal(f'a,b\nu,0\n"{swallowed}",2\n')
    assert "a: expected at most 131,072 characters in a value; 1 value is longer" in str(error)
    assert "524,288 characters in row 2" in str(error)
    assert len(table("a,b\n" + "x" * CELL_LIMIT + ",1\n")) == 1


def test_a_header_without_end_is_refused() -> None:
    """The error about a first row that is too long for a header has its line."""
    assert "line 1 cannot be read: field larger than field limit" in str(refusal("x" * (CELL_LIMIT + 1) + ",b\n1,2\n"))


def test_a_short_row_after_a_value_without_end_is_refused() -> None:
    """If the rows cannot be counted either, the error has the line at which counting stopped."""
    long = "x" * (CELL_LIMIT + 1)
    assert "line 2 cannot be read" in str(refusal(f"a,b,c\n{long},1,2\n3\n"))


def test_a_header_of_one_empty_name_is_accepted() -> None:
    """The caller decides whether such a column is useful."""
    assert len(table('""\n1\n2\n')) == 2


class _RecordedReads(io.BytesIO):
    """Bytes that record the size of the largest read."""

    largest = 0

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        self.largest = max(self.largest, len(block))
        return block


def test_a_large_file_is_read_in_blocks() -> None:
    """A large file is read in blocks, and its rows are complete."""
    rng = np.random.default_rng(0)
    expected = pd.DataFrame({"a": rng.normal(size=200_000), "b": rng.integers(0, 9, 200_000), "c": "naïve"})
    stream = _RecordedReads(expected.to_csv(index=False).encode())
    frame, _ = read_stream(stream, "rows.csv", ("c",), ("", "NA"))
    pd.testing.assert_frame_equal(frame, expected)
    assert 0 < stream.largest <= HEAD_BYTES < len(stream.getvalue())


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    """A source that cannot seek gives the same table, and short rows are found."""
    for content, wrong in ((b"a,b\n1,2\n", False), (b"a,b\n1,2\n3\n", True)):
        path = tmp_path / f"pipe{wrong}"
        os.mkfifo(path)
        writer = threading.Thread(target=path.write_bytes, args=(content,))
        writer.start()
        with path.open("rb") as stream:
            if wrong:
                with pytest.raises(DataError, match="1 row is shorter"):
                    read_stream(stream, "pipe", (), ())
            else:
                assert len(read_stream(stream, "pipe", (), ())[0]) == 1
        writer.join()


def test_cells_are_read_as_their_texts() -> None:
    """Digits, a boolean and an empty cell keep their texts, and no cell becomes a number or is missing."""
    cells = read_cells("size,sunny,note\n007,true,\n1.50,no,NA\n", "sheds.csv")
    assert cells.to_dict("list") == {"size": ["007", "1.50"], "sunny": ["true", "no"], "note": ["", "NA"]}
