"""The converted copy: the same table in UTF-8 with commas and plain numbers, written row by row."""

from __future__ import annotations

import csv
import io
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from training.commands.init.delimiter import has_values
from training.commands.init.errors import InitError
from training.commands.init.file_format import FileFormat, open_file
from training.commands.init.missing import is_missing

BATCH_ROWS = 20_000
"""The number of rows of a Parquet file in memory at the same time."""


def write_copy(path: Path, file_format: FileFormat, copy: Path, *, target: str | None = None) -> int:
    """Write a table as CSV in UTF-8 with commas; rows without a value of the target can be skipped.

    Args:
        path: the file.
        file_format: its format.
        copy: the new file; it appears when it is complete.
        target: a column; rows in which it is missing are skipped.

    Returns:
        The number of skipped rows.

    Raises:
        InitError: the file cannot be read, no row has a value of the target, or the copy cannot be written.
    """
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{copy.name}.", dir=copy.parent)
        os.close(handle)
    except OSError as error:
        raise InitError(
            f"{copy} cannot be written: {error.strerror or error}. Choose another --data-folder."
        ) from error
    part = Path(name)
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            n_written, n_skipped = _write(table_rows(path, file_format), csv.writer(file, lineterminator="\n"), target)
        if n_skipped and not n_written:
            raise InitError(
                f"{path.name}, target {target!r}: expected at least two different values, got none: every row is missing"
                " it. There is nothing to predict."
            )
        part.replace(copy)
    except csv.Error as error:
        raise InitError(f"{path} cannot be read: {error}. Look for a quote that is never closed.") from error
    except UnicodeError as error:
        raise InitError(
            f"{path}: expected {file_format.encoding.title}, got bytes that are none: {error}. Name the encoding with"
            " --encoding."
        ) from error
    except (zlib.error, EOFError) as error:
        raise InitError(
            f"{path} cannot be unpacked: {error}. The file is cut off or damaged; get a sound copy."
        ) from error
    except OSError as error:
        raise InitError(f"{copy} cannot be written from {path}: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return n_skipped


def _write(rows: Iterator[list[str]], writer: Any, target: str | None) -> tuple[int, int]:
    """Write rows; return the number of written and of skipped rows."""
    header = next(rows, [])
    writer.writerow(header)
    column = header.index(target) if target in header else None
    n_written = n_skipped = 0
    for row in rows:
        if column is not None and column < len(row) and is_missing(row[column]):
            n_skipped += 1
        else:
            writer.writerow(row)
            n_written += 1
    return n_written, n_skipped


def table_rows(path: Path, file_format: FileFormat) -> Iterator[list[str]]:
    """Yield a table's rows as text, the header first, with plain numbers and tidy names."""
    return _parquet_rows(path) if file_format.kind == "parquet" else _text_rows(path, file_format)


def _text_rows(path: Path, file_format: FileFormat) -> Iterator[list[str]]:
    cut = file_format.delimiter
    with (
        open_file(path, gzipped=file_format.gzipped) as stream,
        io.TextIOWrapper(stream, encoding=file_format.encoding.codec, newline="") as text,
    ):
        if cut.hint_line:
            text.readline()
        rows = filter(has_values, csv.reader(text, delimiter=cut.character, skipinitialspace=cut.blanks_follow))
        yield _tidy(next(rows, []))
        styles = file_format.number_styles
        for row in rows:
            for column, style in styles.items():
                if column < len(row):
                    row[column] = style.plain(row[column])
            yield row


def _tidy(header: Sequence[str]) -> list[str]:
    names = [name.strip() for name in header]
    # One empty name is the index that pandas wrote; several need names of their own.
    return names if names.count("") <= 1 else [name or f"unnamed_{column}" for column, name in enumerate(names)]


def _parquet_rows(path: Path) -> Iterator[list[str]]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    def cells(column: Any, name: str) -> list[str]:
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        try:
            return ["" if text is None else text for text in pc.cast(column, pa.string()).to_pylist()]
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            raise InitError(
                f"{path}: column {name!r} holds {column.type}; expected numbers, text, truth values or times. Leave it"
                " out of the file, or flatten it."
            ) from None

    try:
        file = pq.ParquetFile(path)
        yield list(file.schema_arrow.names)
        for batch in file.iter_batches(BATCH_ROWS):
            columns = [cells(column, name) for column, name in zip(batch.columns, batch.schema.names, strict=True)]
            yield from map(list, zip(*columns, strict=True))
    except (pa.ArrowException, OSError) as error:
        raise InitError(f"{path} cannot be read as Parquet: {error}. Get a sound copy, or save it as CSV.") from error
