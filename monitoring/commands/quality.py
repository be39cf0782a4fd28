"""``tabento quality``: the live quality of a service, as a table, as JSON, or as a page with pictures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from monitoring.commands.service_client import DEFAULT_URL, ServiceClient
from monitoring.errors import RequestError
from monitoring.quality.build import open_store
from monitoring.quality.page import quality_page
from monitoring.quality.part import DEFAULT_WINDOW, LiveQuality
from monitoring.quality.table import quality_table
from monitoring.quality.windows import TIMES, length_s
from monitoring.settings import MonitoringSettings
from tabento.bundle.timestamp import timestamp_text

HELP_OPTIONS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
HISTORY_PARTS = 12
"""The number of equal parts of the window in the page's history."""

Ask = Callable[[dict[str, str]], dict[str, Any]]


@click.group("quality", context_settings=HELP_OPTIONS)
def command() -> None:
    """Look at the live quality of a service."""


@command.command()
@click.option("--url", default=DEFAULT_URL, show_default=True, help="address of the service")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="read the monitoring folder instead of a service",
)
@click.option("--model", help="only this model")
@click.option("--version", help="only this version")
@click.option("--window", default=DEFAULT_WINDOW, show_default=True, help="30m, 12h, 7d … or all")
@click.option("--by", type=click.Choice(TIMES), default=TIMES[0], show_default=True, help="the time of the window")
@click.option("--json", "as_json", is_flag=True, help="print the answer of GET /quality")
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), help="write a page with pictures to this file")
def report(
    url: str,
    folder: Path | None,
    model: str | None,
    version: str | None,
    window: str,
    by: str,
    as_json: bool,
    page: Path | None,
) -> None:
    """Show the live quality against the figures of the test part, by version and slice.

    The API key of the service is read from TABENTO_API_KEY.
    """
    query = {"by": by, **{name: value for name, value in (("model", model), ("version", version)) if value}}
    source = _service(url) if folder is None else _store(folder)
    answer = source({**query, "window": window})
    if page is not None:
        page.write_text(quality_page(answer, _history(source, query, window)), encoding="utf-8")
    click.echo(json.dumps(answer) if as_json else quality_table(answer))


def _service(url: str) -> Ask:
    client = ServiceClient(url)

    def request_answer(query: dict[str, str]) -> dict[str, Any]:
        content: dict[str, Any] = client.get("/quality", query)
        return content

    return request_answer


def _store(folder: Path) -> Ask:
    settings = MonitoringSettings(monitoring_folder=folder)
    if not (folder / "feedback.sqlite").is_file():
        raise click.ClickException(f"There is no feedback.sqlite in {folder}.")

    def request_answer(query: dict[str, str]) -> dict[str, Any]:
        part = LiveQuality(settings, open_store(settings))
        try:
            content: dict[str, Any] = json.loads(asyncio.run(part.answer("quality", query, b"")).content)
        except RequestError as error:
            details = "; ".join(f"{item.field}: expected {item.expected}, got {item.got}" for item in error.details)
            raise click.ClickException(f"{error.message} {details}".strip()) from None
        finally:
            part.close()
        return content

    return request_answer


def _history(ask: Ask, query: dict[str, str], window: str) -> list[dict[str, Any]]:
    """Return the answers for equal parts of the window, the oldest first; none if the window has no start."""
    seconds = length_s(window)
    if seconds is None:
        return []
    end_s, step_s = time.time(), seconds / HISTORY_PARTS
    edges = [timestamp_text(float(int(end_s - seconds + index * step_s))) for index in range(HISTORY_PARTS + 1)]
    return [ask({**query, "since": start, "until": end, "slices": "false"}) for start, end in pairwise(edges)]
