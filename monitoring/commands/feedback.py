"""``tabento feedback``: send truths to a service, and list those that are stored."""

from __future__ import annotations

import csv
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click

from monitoring.commands.service_client import DEFAULT_URL, ServiceClient
from monitoring.feedback.errors import FeedbackStoreError
from monitoring.feedback.reader import read_feedback
from tabento.bundle.timestamp import timestamp_seconds

HELP_OPTIONS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
URL_VARIABLE = "TABENTO_FEEDBACK_URL"
COUNTS = ("received", "new", "duplicates", "corrections", "outdated", "joined", "waiting")
SHOWN_MISMATCHES = 5


@click.group("feedback", context_settings=HELP_OPTIONS)
def command() -> None:
    """Send true values to a service, and list those that are stored."""


@command.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--url", default=DEFAULT_URL, show_default=True, help="address of the service")
@click.option("--batch", default=1_000, show_default=True, type=click.IntRange(1, 10_000), help="truths of one request")
@click.option("--text", is_flag=True, help="send the truths of a CSV file as texts, also if they look like numbers")
def send(file: IO[str], url: str, batch: int, text: bool) -> None:
    """Send the truths of FILE: CSV with the columns request_id and truth, and optionally row and time; or JSON lines.

    The API key is read from TABENTO_API_KEY. A command that was interrupted can be repeated: no truth is stored twice.
    """
    client = ServiceClient(url)
    totals: Counter[str] = Counter()
    mismatches: list[dict[str, Any]] = []
    items = _items(file, text)
    while part := list(islice(items, batch)):
        answer = client.post("/feedback", part)
        totals.update({name: answer[name] for name in COUNTS})
        mismatches += answer["mismatches"]
    for mismatch in mismatches[:SHOWN_MISMATCHES]:
        click.echo(f"{mismatch['request_id']}, row {mismatch['row']}: expected {mismatch['expected']}", err=True)
    if mismatches:
        click.echo(f"{len(mismatches)} truths or more do not fit the model that answered.", err=True)
    click.echo(json.dumps({name: totals[name] for name in COUNTS}))


@command.command(name="list")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="the monitoring folder of the service; by default the Postgres of TABENTO_FEEDBACK_URL",
)
@click.option("--model", help="only joined truths of this model")
@click.option("--since", help="only truths that became fields at this time or later, in ISO 8601")
@click.option("--until", help="only truths that became fields before this time")
def list_truths(folder: Path | None, model: str | None, since: str | None, until: str | None) -> None:
    """Print the stored truths as JSON lines, the latest truth of each row."""
    source = folder or os.environ.get(URL_VARIABLE)
    if source is None:
        raise click.UsageError(f"name the store: --folder FOLDER, or a Postgres by {URL_VARIABLE}")
    since_s, until_s = _seconds(since, -math.inf), _seconds(until, math.inf)
    try:
        for item in read_feedback(source, model, since_s, until_s):
            click.echo(json.dumps(item))
    except (FeedbackStoreError, OSError) as error:
        raise click.ClickException(str(error)) from None


def _items(file: IO[str], as_text: bool) -> Iterator[dict[str, Any]]:
    """Yield the truths of a file; the first character says whether it has JSON or CSV."""
    first = file.readline()
    if first.lstrip().startswith("{"):
        yield from _json_items(first, file)
        return
    columns = next(csv.reader([first.removeprefix("\ufeff")]), [])
    if not {"request_id", "truth"} <= set(columns):
        raise click.ClickException("Expected JSON lines, or CSV with the columns request_id and truth.")
    for number, cells in enumerate(csv.DictReader(file, fieldnames=columns), start=2):
        if cells.get("truth") in (None, ""):
            continue  # a row whose truth is not fields yet
        item: dict[str, Any] = {"request_id": cells["request_id"], "truth": _value(cells["truth"], as_text)}
        if cells.get("row"):
            try:
                item["row"] = int(cells["row"])
            except ValueError:
                raise click.ClickException(
                    f"Expected the index of a row in line {number}, got {cells['row']!r}."
                ) from None
        if cells.get("time"):
            item["time"] = cells["time"]
        yield item


def _json_items(first: str, file: Iterable[str]) -> Iterator[dict[str, Any]]:
    number = 1
    for line in (first, *file):
        if line.strip():
            try:
                item = json.loads(line)
            except ValueError:
                raise click.ClickException(f"Expected a JSON object in line {number}.") from None
            time_s = item.pop("time_s", None)
            fields = {name: item[name] for name in ("request_id", "row", "truth", "time") if name in item}
            yield fields if time_s is None else {"time": time_s, **fields}
        number += 1


def _value(text: str, as_text: bool) -> str | float | bool:
    if as_text:
        return text
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _seconds(text: str | None, default: float) -> float:
    if text is None:
        return default
    seconds = timestamp_seconds(text)
    if seconds is None:
        raise click.UsageError(f"expected a time such as 2026-11-27 or 2026-11-27T16:08:17Z, got {text!r}")
    return seconds
