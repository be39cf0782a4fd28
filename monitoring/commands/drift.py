"""``tabento drift``: the drift of running services, or of logged rows, as a page."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from monitoring.commands.log_options import Moment, finite, row_progress
from monitoring.drift.merging import merge_reports
from monitoring.drift.page import drift_page
from monitoring.drift.verdicts import VERDICTS

TIMEOUT_S = 30.0
DEFAULT_VARIABLE = "TABENTO_API_KEY"
HAS_DRIFT = 3
"""The exit code of ``--check`` if a model has drifted."""


@click.group("drift")
def command() -> None:
    """Show the drift of running services, or of logged rows."""


@command.command()
@click.argument("urls", nargs=-1)
@click.option("--log", help="Compare the rows of a prediction log instead: its folder, or an fsspec URL.")
@click.option("--since", type=Moment(), help="Of the log, rows of this time or later: 2026-11-20T08:00:00Z, or 7d.")
@click.option("--until", type=Moment(), help="Of the log, rows before this time.")
@click.option("--model", help="Only rows of this model.")
@click.option("--version", help="Only rows that this version answered.")
@click.option(
    "--bundle", help="Compare the log with this bundle's training part: name:version in the model store, or a folder."
)
@click.option("--min-rows", type=click.IntRange(1), help="Of the log, the least number of rows of a verdict.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("drift.html"), show_default=True
)
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as JSON too."
)
@click.option("--window-s", type=click.FloatRange(0, min_open=True), help="Another window by time, in seconds.")
@click.option("--rows", type=click.IntRange(1), help="Another window by rows.")
@click.option("--key-variable", default=DEFAULT_VARIABLE, show_default=True, help="The variable that has the API key.")
@click.option("--check", is_flag=True, help=f"Exit with {HAS_DRIFT} if a model has drifted.")
def report(
    urls: tuple[str, ...],
    log: str | None,
    since: float | None,
    until: float | None,
    model: str | None,
    version: str | None,
    bundle: str | None,
    min_rows: int | None,
    output: Path,
    json_path: Path | None,
    window_s: float | None,
    rows: int | None,
    key_variable: str,
    check: bool,
) -> None:
    """Write a page of the drift of one service, or of all replicas of a service added up.

    With --log, the rows of a prediction log are compared with the training part of the version that answered them.
    """
    if (log is None) is not bool(urls):
        raise click.UsageError("Give the addresses of services, or --log.")
    of_log = {"--since": since, "--until": until, "--bundle": bundle, "--min-rows": min_rows}
    of_services = {"--window-s": window_s, "--rows": rows}
    for option, value in (of_log if log is None else of_services).items():
        if value is not None:
            raise click.UsageError(f"{option} is {'only for' if log is None else 'not for'} --log.")
    skipped: dict[str, int] = {}
    if log is not None:
        models, skipped = _read_log(log, (since, until), model, version, bundle, min_rows)
    else:
        query = {"raw": "1", "window_s": window_s, "rows": rows, "model": model, "version": version}
        models = _read_services(urls, query, os.environ.get(key_variable))
    time_text = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    sources = urls if log is None else (log,)
    output.write_text(drift_page(models, sources, time_text, skipped), encoding="utf-8")
    if json_path is not None:
        content = {"models": models} | ({} if log is None else {"skipped": skipped})
        json_path.write_text(json.dumps(finite(content), indent=1) + "\n", encoding="utf-8")
    worst = 0
    for entry in models:
        for name, window in entry["windows"].items():
            verdict = window["verdict"]
            worst = max(worst, VERDICTS.index(verdict) if verdict in VERDICTS else 0)
            source = "log" if log is not None else f"window by {name}"
            click.echo(
                f"{entry['model']}:{entry['version']} ({entry['variant']}), {source}: {window['rows']:,} rows,"
                f" {verdict}, {window['drifted_features']} features have drifted"
            )
        for name, reason in entry.get("not_compared", {}).items():
            click.echo(f"  {name} is not compared: {reason}")
    for reason, count in skipped.items():
        click.echo(f"{count:,} rows are not compared: {reason}")
    click.echo(str(output))
    if check and VERDICTS[worst] == "drift":
        raise click.exceptions.Exit(HAS_DRIFT)


def _read_services(urls: tuple[str, ...], query: dict[str, Any], key: str | None) -> list[dict[str, Any]]:
    """Return the models of services, those of several replicas added up."""
    parameters = {name: str(value) for name, value in query.items() if value is not None}
    answers = [read_drift(url, parameters, key) for url in urls]
    try:
        return merge_reports(answers)
    except (KeyError, TypeError, ValueError) as error:
        raise click.ClickException(f"The answers are not those of GET /drift: {error}") from None


def _read_log(
    log: str,
    times: tuple[float | None, float | None],
    model: str | None,
    version: str | None,
    bundle: str | None,
    min_rows: int | None,
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the models of a log, and the number of rows that cannot be compared by reason.

    Raises:
        click.ClickException: the log cannot be read, or none of its rows can be compared.
    """
    # A report of services does not need the reader of logs.
    from monitoring.drift.logged_rows import LoggedDrift
    from monitoring.log.reader import read_log
    from monitoring.replay.bundles import find_bundle
    from monitoring.replay.errors import ReplayError
    from monitoring.settings import MonitoringSettings

    settings = MonitoringSettings()
    try:
        drift = LoggedDrift(find_bundle, None if bundle is None else find_bundle(bundle))
        drift.add(read_log(log, model, *times, version=version), row_progress())
    except ReplayError as error:
        raise click.ClickException(str(error)) from error
    except (OSError, ImportError, ValueError) as error:
        raise click.ClickException(f"The log {log} cannot be read: {error}") from error
    skipped = dict(drift.skipped.most_common())
    if not drift.rows:
        reasons = "".join(f"\n  {count:,} rows: {reason}" for reason, count in skipped.items())
        raise click.ClickException(f"No row of {log} can be compared.{reasons or ' It has no row of this time.'}")
    return drift.reports(settings.drift_min_rows if min_rows is None else min_rows, settings), skipped


def read_drift(url: str, query: dict[str, str], key: str | None) -> list[dict[str, Any]]:
    """Return the models of a service's answer.

    Args:
        url: the address of the service, ``http`` or ``https``.
        query: the parameters of ``GET /drift``.
        key: an API key; None for none.

    Raises:
        click.ClickException: the service cannot be reached, or refuses the request.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise click.ClickException(f"Expected an address such as http://localhost:3000, got {url!r}.")
    address = f"{url.rstrip('/')}/drift?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(address, headers={} if key is None else {"authorization": f"Bearer {key}"})  # noqa: S310 - HTTP only, see above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - HTTP only, see above
            models: list[dict[str, Any]] = json.load(response)["models"]
            return models
    except urllib.error.HTTPError as error:
        raise click.ClickException(f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"{url} did not answer its drift: {error}") from None


if __name__ == "__main__":
    command(prog_name="python -m monitoring.commands.drift")
