"""SQL on the prediction log, and its conversion to Parquet, both by DuckDB (the extra ``log``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from monitoring.log.errors import LogError
from monitoring.log.index import read_index
from monitoring.log.sealing import sync_folder
from monitoring.log.segments import TEMPORARY, Segment, list_segments

OPTIONAL_COLUMNS = {
    **dict.fromkeys(("key", "variant", "cache", "trace_id", "code"), "VARCHAR"),
    **dict.fromkeys(("share", "queue_ms", "batch_ms", "total_ms", "deadline_ms"), "DOUBLE"),
    "row": "BIGINT",
    "status": "BIGINT",
    "fields": "VARCHAR[]",
}
"""The columns that the views have also if no record has them, so that the same SQL works for every log."""


def connect() -> Any:
    """Return a DuckDB in memory.

    Raises:
        LogError: DuckDB is not installed.
    """
    try:
        import duckdb
    except ModuleNotFoundError as error:
        raise LogError(
            "SQL on the prediction log needs DuckDB, which is not installed. Install it: pip install 'tabento[log]'"
        ) from error
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def query(folder: Path, sql: str, conditions: Sequence[str] = ()) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Return the names of the columns and the rows that SQL selects from the views ``predictions`` and ``errors``.

    Args:
        folder: the folder of the log.
        sql: one statement.
        conditions: conditions in SQL that the records of the views meet.

    Raises:
        LogError: DuckDB is not installed, there is no record, or the statement is wrong.
    """
    connection = connect()
    files = [str(_file(segment)) for segment in list_segments(folder)]
    if not files:
        raise LogError(f"The folder {folder} has no prediction log. Name the folder of the log with --folder.")
    import duckdb

    source = _records(files)
    condition = " AND ".join(
        ["model IS NOT NULL", *(f"({text})" for text in conditions)]
    )  # a torn line is a row of nulls
    try:
        columns = connection.sql(f"FROM {source} LIMIT 0").columns
        missing = "".join(
            f", NULL::{kind} AS {_name(name)}" for name, kind in OPTIONAL_COLUMNS.items() if name not in columns
        )
        connection.execute(f"CREATE VIEW records AS FROM (FROM {source} SELECT *{missing}) WHERE {condition}")
        connection.execute("CREATE VIEW predictions AS FROM records WHERE code IS NULL")
        connection.execute("CREATE VIEW errors AS FROM records WHERE code IS NOT NULL")
        result = connection.execute(sql)
    except duckdb.Error as error:
        raise LogError(f"DuckDB refuses the statement: {error}") from error
    names = [column[0] for column in result.description or ()]

    def rows() -> Iterator[tuple[Any, ...]]:
        while part := result.fetchmany(1000):
            yield from part

    return names, rows()


def compact(folder: Path, target: Path, removes: bool = False) -> Iterator[tuple[Path, int]]:
    """Convert the sealed segments to Parquet: one file for each model version, or yield nothing if there are none.

    Args:
        folder: the folder of the log.
        target: the folder of the Parquet files: ``<model>/<version>/<first segment>_<last segment>.parquet``.
        removes: whether to remove the segments after all their records are in Parquet files.

    Yields:
        The path of each file, and the number of its records.

    Raises:
        LogError: DuckDB is not installed, or a file has not all records.
    """
    connection = connect()
    by_model: dict[tuple[str, str], list[Segment]] = defaultdict(list)
    expected = 0
    segments: list[Segment] = []
    for segment in list_segments(folder):
        with suppress(FileNotFoundError, ValueError):
            index = read_index(segment.index_path.read_bytes())
            segments.append(segment)
            expected += index.n_lines
            for tag in index.models:
                name, _, version = tag.rpartition(":")
                by_model[name, version].append(segment)
    n_written = 0
    for (name, version), parts in sorted(by_model.items()):
        path = target / name / version / f"{parts[0].stem}_{parts[-1].stem}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + TEMPORARY)
        files = [str(segment.sealed_path) for segment in parts]
        condition = f"model = {_text(name)} AND version = {_text(version)}"
        selection = f"FROM {_records(files)} WHERE {condition} ORDER BY time"
        (count,) = connection.execute(
            f"COPY ({selection}) TO {_text(str(temporary))} (FORMAT parquet, COMPRESSION zstd)"
        ).fetchone()
        temporary.rename(path)
        sync_folder(path.parent)
        n_written += count
        yield path, count
    if removes and segments:
        if n_written != expected:
            raise LogError(
                f"The Parquet files have {n_written} of {expected} records, so no segment was removed. Look for damaged"
                " lines with `tabento log verify`."
            )
        for segment in segments:
            for file in segment.paths:
                file.unlink(missing_ok=True)


def _file(segment: Segment) -> Path:
    return segment.sealed_path if segment.sealed_path.exists() else segment.plain_path


def _records(files: Sequence[str]) -> str:
    """Return the table function that reads files; a torn line is omitted, and so is the column of a key that no line has."""
    names = ", ".join(map(_text, files))
    options = "format='newline_delimited', ignore_errors=true, union_by_name=true, sample_size=-1"
    return f"read_json([{names}], {options})"


def _text(value: str) -> str:
    """Return a text as a literal in SQL."""
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    """Return a name as an identifier in SQL."""
    return '"' + value.replace('"', '""') + '"'


def text_condition(column: str, value: str) -> str:
    """Return the condition that a column has a text."""
    return f"{_name(column)} = {_text(value)}"


def time_condition(operator: str, time: str) -> str:
    """Return the condition on the time of a record, such as ``>=`` a text of ``monitoring.log.reader.time_text``."""
    return f"time {operator} {_text(time)}::TIMESTAMPTZ"
