"""Text to a table: pandas parses a CSV file, and faults that pandas ignores are refused.

pandas pads a row that is too short with missing values, renames a repeated column, and reads half a file as one value after
a quote that is never closed.

The parser is pandas and not pyarrow.csv, because rows must have the values and types of ``pandas.read_csv``, with which the
owner of a pipeline most likely read the training data. pyarrow.csv converts dates and hexadecimal numbers, reads ``NaN`` as
a missing number, has one list of missing texts for all columns, accepts an open quote and invalid UTF-8, and is not faster.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, TextIO

import numpy as np
import pandas as pd

from tabento.tables.checked_text import CheckedText
from tabento.tables.faults import EXAMPLES_LIMIT, DataError, Example, Fault

CELL_LIMIT = 131_072
"""The largest number of characters of a value, the limit of Python's own CSV reader. Longer values come from a lost quote."""

_TOO_LONG = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
_OPEN_QUOTE = re.compile(r"EOF inside string starting at row (\d+)")


def csv_text(content: bytes, source: str) -> str:
    """Decode a comma-separated file in UTF-8, with or without a byte order mark, and check its header.

    Args:
        content: the file's bytes.
        source: its name, for messages.

    Raises:
        DataError: the file is empty, not UTF-8, has another delimiter or a header that repeats a name.
    """
    checked = CheckedText(io.BytesIO(content), source)
    _check_header(checked.head, source)
    return checked.read()


def read_csv(
    text: str, source: str, text_columns: Iterable[str], missing: Sequence[str] | Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Parse decoded CSV, and refuse faults that pandas ignores.

    Args:
        text: from ``csv_text``.
        source: the file's name, for messages.
        text_columns: columns that stay text, also if their values look like numbers.
        missing: the texts of a missing value, for every column or by column.

    Raises:
        DataError: rows are too long or too short, a value is too long, or there are no rows.
    """
    frame, _ = read_stream(io.BytesIO(text.encode()), source, text_columns, missing)
    return frame


def read_cells(text: str, source: str) -> pd.DataFrame:
    """Parse the text of a CSV file with every cell as text, also empty cells; see ``read_csv``.

    Args:
        text: as ``csv_text`` returns it.
        source: see ``read_csv``.

    Raises:
        DataError: see ``read_csv``.
    """
    return read_csv(text, source, next(csv.reader(io.StringIO(text))), ())


def read_stream(
    stream: BinaryIO, source: str, text_columns: Iterable[str], missing: Sequence[str] | Mapping[str, Sequence[str]]
) -> tuple[pd.DataFrame, str]:
    """Parse a CSV file block by block, without holding its whole text in memory.

    Args:
        stream: the file, from its beginning; a stream that cannot seek, such as a pipe, is read into memory first.
        source: see ``read_csv``.
        text_columns: see ``read_csv``.
        missing: see ``read_csv``.

    Returns:
        The rows, index 0 … N-1, and the sha256 of the bytes.

    Raises:
        DataError: see ``csv_text`` and ``read_csv``.
    """
    if not stream.seekable():
        stream = io.BytesIO(stream.read())
    checked = CheckedText(stream, source)
    first_rows = _check_header(checked.head, source)
    frame = _parse(checked, source, text_columns, missing)
    values = frame.shape[1]
    # The parser refuses rows that are longer than the first row below the header. So if that row has the length of the
    # header and the number of commas is right, all rows have this length.
    if {*map(len, first_rows)} != {values} or checked.commas != (values - 1) * (len(frame) + 1):
        stream.seek(0)
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        _check_lengths(_rows(text, source), values, source)
        # Without this the wrapper would close the stream.
        text.detach()
    _check_cells(frame, source)
    return frame, checked.sha256


def _parse(
    text: TextIO | io.TextIOBase,
    source: str,
    text_columns: Iterable[str],
    missing: Sequence[str] | Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    if isinstance(missing, Mapping):
        na_values: Any = {name: list(texts) for name, texts in missing.items()}
    else:
        na_values = list(missing)
    try:
        # Rows that are longer than the header are cut with a warning; they are checked afterwards, like short rows.
        with warnings.catch_warnings(action="ignore", category=pd.errors.ParserWarning):
            frame: pd.DataFrame = pd.read_csv(
                text,
                dtype=dict.fromkeys(text_columns, str),
                keep_default_na=False,
                na_values=na_values,
                # No column becomes the index.
                index_col=False,
                # A column has one type, or its cells are text: its type is not inferred block by block.
                low_memory=False,
            )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(
            f"{source} is not a well-formed CSV file: {_parser_message(str(error).strip())}. Correct the file."
        ) from error
    except MemoryError as error:
        raise DataError(f"{source} does not fit in memory. Give fewer rows or columns.") from error
    if frame.empty:
        raise DataError(f"{source} has a header but no rows.")
    return frame


def _parser_message(message: str) -> str:
    """Return a message of pandas' parser in plain words if it is one of the frequent faults."""
    if match := _TOO_LONG.search(message):
        return f"expected {match[1]} values as in the header, got {match[3]} in line {match[2]}"
    if match := _OPEN_QUOTE.search(message):
        return f"a quote that opens in row {match[1]} below the header is never closed"
    return message


def _check_header(head: str, source: str) -> list[list[str]]:
    """Refuse a header with another delimiter or a repeated name; return the header and the row below it."""
    rows = list(itertools.islice(filter(_has_values, _rows(io.StringIO(head, newline=""), source)), 2))
    header = rows[0] if rows else []
    for delimiter, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and delimiter in header[0]:
            raise DataError(f"{source}: expected commas between the columns, got {name}. Save it as CSV with commas.")
    repeated_names = sorted({name for name in header if header.count(name) > 1})
    if repeated_names:
        raise DataError(
            f"{source}: expected distinct names in the header, got {', '.join(map(repr, repeated_names))} more than once."
            " Rename or remove the column."
        )
    return rows


def _rows(text: TextIO, source: str) -> Iterator[list[str]]:
    """Yield the rows of Python's own CSV reader, the header first."""
    reader = csv.reader(text)
    try:
        yield from reader
    except csv.Error as error:
        raise DataError(
            f"{source}: line {reader.line_num:,} cannot be read: {error}. Look there for a quote that is never closed."
        ) from error


def _has_values(row: Sequence[str]) -> bool:
    """Return whether a row is not a blank line, which the parser skips."""
    return len(row) > 1 or (len(row) == 1 and bool(row[0].strip()))


def _check_lengths(rows: Iterator[list[str]], values: int, source: str) -> None:
    """Refuse rows that are shorter than the header, which the parser pads, or longer, which it can cut."""
    shorter = longer = 0
    examples: list[Example] = []
    for number, row in enumerate(filter(_has_values, rows)):
        if len(row) != values:
            shorter += len(row) < values
            longer += len(row) > values
            if len(examples) < EXAMPLES_LIMIT:
                examples.append(Example(number, f"{len(row):,} value{'' if len(row) == 1 else 's'}"))
    count = shorter + longer
    if count:
        length = "shorter" if not longer else "longer" if not shorter else "shorter or longer"
        got = f"1 row is {length}" if count == 1 else f"{count:,} rows are {length}"
        fault = Fault(None, f"{values:,} values in each row, as in the header", count, got, tuple(examples))
        reason = "its rows have more values than the header has names; " if longer else ""
        raise DataError(f"{source}: {reason}{fault}, counted from 1 below the header. Correct the file.", [fault])


def _check_cells(frame: pd.DataFrame, source: str) -> None:
    """Refuse values that are too long for a table."""
    for name in frame.columns[frame.dtypes == "str"]:
        lengths = frame[name].str.len().fillna(0).to_numpy(dtype=np.int64)
        long_rows = np.flatnonzero(lengths > CELL_LIMIT)
        if long_rows.size:
            examples = tuple(
                Example(int(row) + 1, f"{lengths[row]:,} characters") for row in long_rows[:EXAMPLES_LIMIT]
            )
            got = "1 value is longer" if len(long_rows) == 1 else f"{len(long_rows):,} values are longer"
            fault = Fault(str(name), f"at most {CELL_LIMIT:,} characters in a value", len(long_rows), got, examples)
            raise DataError(f"{source}: {fault}. Look there for a quote that is never closed, or shorten it.", [fault])
