"""``tabento log``: read, check and convert the prediction log of a service. See docs/prediction-log.md."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click

from monitoring.commands import log_replay
from monitoring.log.errors import LogError
from monitoring.log.reader import find_requests, read_log, time_text
from monitoring.log.segments import list_segments
from tabento.bundle.timestamp import timestamp_seconds

HELP_OPTIONS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
FOLDER_VARIABLE = "TABENTO_MONITORING_FOLDER"
"""The setting of the service that names the folder of monitoring; see ``monitoring.settings``."""
DEFAULT_FOLDER = "runs/monitoring"
_DURATION = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[smhdw])")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def log_folder(folder: Path | None) -> Path:
    """Return the folder of the log: the option, or the folder ``log`` of the service's setting."""
    return folder or Path(os.environ.get(FOLDER_VARIABLE, DEFAULT_FOLDER)) / "log"


def read_time(text: str) -> float:
    """Return the Unix time of an option.

    Args:
        text: a date, a timestamp, or an age such as ``24h``.

    Raises:
        LogError: the text is none of these.
    """
    duration = _DURATION.fullmatch(text)
    if duration:
        return time.time() - int(duration["number"]) * _UNITS_S[duration["unit"]]
    seconds = timestamp_seconds(text)
    if seconds is None:
        raise LogError(f"Expected a time such as 2026-11-28, 2026-11-28T06:15:29Z or 24h (24 hours ago), got {text!r}.")
    return seconds


folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help=f"folder of the log; by default `log` in {FOLDER_VARIABLE}, or in {DEFAULT_FOLDER}",
)


@click.group(name="log", context_settings=HELP_OPTIONS)
def command() -> None:
    """Read, check and convert the prediction log of a service."""


@command.command(name="list")
@folder_option
@click.option("--json", "as_json", is_flag=True, help="print one JSON object for each file")
def list_files(folder: Path | None, as_json: bool) -> None:
    """List the files of the log with their times, records and bytes."""
    from monitoring.log.summary import summaries

    records = n_bytes = 0
    for summary in summaries(_existing(log_folder(folder))):
        if as_json:
            click.echo(json.dumps({name: getattr(summary, name) for name in summary.__dataclass_fields__}))
            continue
        records, n_bytes = records + summary.records, n_bytes + summary.n_bytes
        click.echo(
            f"{summary.first[:19]:19}  {summary.last[:19]:19}  {summary.records:>9,} records  {summary.n_bytes:>12,} bytes"
            f"  {summary.state:8}  {', '.join(summary.models)}"
        )
    if not as_json:
        click.echo(f"{records:,} records, {n_bytes:,} bytes")


@command.command()
@folder_option
@click.option("--request-id", multiple=True, help="only this request; can be repeated")
@click.option("--row", type=click.IntRange(min=0), help="only this row of the requests")
@click.option("--model", help="only this model")
@click.option("--version", help="only this version")
@click.option("--since", help="only from this time on: 2026-11-28, 2026-11-28T06:15:29Z, or an age such as 24h")
@click.option("--until", help="only before this time")
@click.option("--errors", is_flag=True, help="refused requests too")
@click.option("--limit", type=click.IntRange(min=1), help="at most this many records")
@click.option("--sql", help="a statement on the views `predictions` and `errors`; needs DuckDB (the extra `log`)")
def query(
    folder: Path | None,
    request_id: tuple[str, ...],
    row: int | None,
    model: str | None,
    version: str | None,
    since: str | None,
    until: str | None,
    errors: bool,
    limit: int | None,
    sql: str | None,
) -> None:
    """Print records, or the result of an SQL statement, as one JSON object a line."""
    path = _existing(log_folder(folder))
    since_s, until_s = (None if text is None else read_time(text) for text in (since, until))
    if sql is not None:
        from monitoring.log.sql import query as run_sql
        from monitoring.log.sql import text_condition, time_condition

        texts = {"model": model, "version": version}
        conditions = [text_condition(name, value) for name, value in texts.items() if value is not None]
        times = {">=": since_s, "<": until_s}
        conditions += [time_condition(sign, time_text(value)) for sign, value in times.items() if value is not None]
        if request_id:
            conditions.append(" OR ".join(text_condition("request_id", value) for value in request_id))
        if row is not None:
            conditions.append(f"row = {row}")
        names, rows = run_sql(path, sql, conditions)
        for values in islice(rows, limit):
            click.echo(json.dumps(dict(zip(names, values, strict=True)), default=_json_value, ensure_ascii=False))
        return
    first, last = (None if value is None else time_text(value) for value in (since_s, until_s))
    every = (
        find_requests(path, request_id)
        if request_id
        else read_log(path, model, since_s, until_s, version=version, failures=errors)
    )
    records = (
        record
        for record in every
        if (errors or "code" not in record) and row in (None, record.get("row"))
        if model in (None, record["model"]) and version in (None, record["version"])
        if (first is None or record["time"] >= first) and (last is None or record["time"] < last)
    )
    for record in islice(records, limit):
        click.echo(json.dumps(record, ensure_ascii=False))


@command.command()
@folder_option
@click.option(
    "--out", type=click.Path(path_type=Path), help="folder of the Parquet files [default: `parquet` beside the log]"
)
@click.option("--remove", is_flag=True, help="remove the compressed files whose records are all in Parquet files")
def compact(folder: Path | None, out: Path | None, remove: bool) -> None:
    """Convert the compressed files to Parquet, one for each model version. Needs DuckDB (the extra `log`).

    Truths that come later are joined with the log's own files, so remove those only if you expect none.
    """
    from monitoring.log.sql import compact as write_parquet

    path = _existing(log_folder(folder))
    total = 0
    for file, count in write_parquet(path, out or path.parent / "parquet", remove):
        total += count
        click.echo(f"{file}  {count:,} records")
    click.echo(f"{total:,} records")


@command.command()
@folder_option
def verify(folder: Path | None) -> int:
    """Read every record and every index. The exit code is 1 if something is damaged."""
    from monitoring.log.summary import faults

    path = _existing(log_folder(folder))
    findings = list(faults(path))
    for name, fault in findings:
        click.echo(f"{name}: {fault}")
    click.echo(f"{len(list_segments(path))} files, {len(findings)} faults")
    return 1 if findings else 0


command.add_command(log_replay.command)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise LogError(
            f"There is no folder {folder}. Name the folder of the log with --folder, or set {FOLDER_VARIABLE} as for the"
            " service."
        )
    return folder


def _json_value(value: Any) -> Any:
    """Return a value of DuckDB as JSON has it: a time as in the log, any other as text."""
    if isinstance(value, datetime):
        return time_text(value.replace(tzinfo=value.tzinfo or UTC).timestamp())
    return str(value)
