"""``tabento log replay``: answer logged rows again, and compare the answers bit by bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from monitoring.commands.log_options import Moment, finite, row_progress

HELP_OPTIONS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
DISPLAYED_LINES = 20
"""The number of reasons and of kinds of changed labels that are printed; the JSON file has more."""


@click.command("replay", context_settings=HELP_OPTIONS)
@click.argument("folder", default="runs/monitoring/log")
@click.option("--model", help="replay only rows of this model")
@click.option("--version", help="replay only rows that this version answered")
@click.option(
    "--since", type=Moment(), help="only rows of this time or later: 2026-11-20T08:00:00Z, or 7d for seven days ago"
)
@click.option("--until", type=Moment(), help="only rows before this time")
@click.option("--bundle", help="answer all rows with this bundle instead: name:version in the model store, or a folder")
@click.option(
    "--worst", default=10, show_default=True, type=click.IntRange(0, 10_000), help="rows with the largest differences"
)
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="write the report to this file"
)
def command(
    folder: str,
    model: str | None,
    version: str | None,
    since: float | None,
    until: float | None,
    bundle: str | None,
    worst: int,
    json_file: Path | None,
) -> None:
    """Answer the rows of the prediction log in FOLDER again, and compare the answers.

    Without --bundle each row is answered by the version that answered it, and a differing bit is a failure (exit code 1). With
    --bundle another version answers all rows: the report counts changed answers and shows their distribution.
    """
    # ONNX Runtime is only imported by the commands that need it.
    from monitoring.log.reader import read_log
    from monitoring.replay.errors import ReplayError
    from monitoring.replay.graph import find_graph
    from monitoring.replay.replay import Replay

    try:
        other = None if bundle is None else find_graph(bundle)
        replay = Replay(find_graph, other, worst)
        if other is not None and model is None:
            model = other.bundle.name
        replay.run(read_log(folder, model, since, until, version=version), row_progress())
    except ReplayError as error:
        raise click.ClickException(str(error)) from error
    reports = [comparison.report() for comparison in replay.comparisons]
    content = {"comparisons": reports, "skipped": dict(replay.skipped)}
    if json_file is not None:
        json_file.write_text(json.dumps(finite(content), indent=2, ensure_ascii=False), encoding="utf-8")
    for report in reports:
        _print_report(report)
    _print_skipped(dict(replay.skipped))
    n_rows = sum(report["rows"] for report in reports)
    if not n_rows:
        raise click.ClickException(
            f"no row of {folder} could be answered again. `tabento log list` lists the files of a log."
        )
    if bundle is None and any(report["differing"] for report in reports):
        raise click.exceptions.Exit(1)


def _print_report(report: dict[str, Any]) -> None:
    click.echo(f"{report['bundle']}: {report['rows']:,} rows answered again, {report['differing']:,} differ in a bit")
    if report["batch_dependent"]:
        click.echo(f"  {report['batch_dependent']:,} further rows are equal if they are answered alone")
    _print_skipped(report["skipped"])
    if not report["differing"]:
        return
    for name, number in report["numbers"].items():
        if "mean" in number:
            statistics = ", ".join(
                f"{key.replace('_', ' ')} {number[key]:.6g}"  # rounded: for readers
                for key in ("mean", "mean_absolute", "p05", "p50", "p95", "p99", "largest_absolute")
            )
            click.echo(f"  {name}: {number['changed']:,} changed; new minus logged: {statistics}")
        if number["without_number"]:
            click.echo(
                f"  {name}: {number['without_number']:,} rows have a number only in the log or only in the replay"
            )
    for name, label in report["labels"].items():
        click.echo(f"  {name}: {label['changed']:,} rows have another label")
        for change in label["changes"][:DISPLAYED_LINES]:
            click.echo(f"    {change['from']} -> {change['to']}: {change['rows']:,}")
    if report["worst"]:
        click.echo("  the rows with the largest differences:")
    for row in report["worst"]:
        new_answer = json.dumps(finite(row["answered"]), ensure_ascii=False)
        logged = json.dumps(row["logged"], ensure_ascii=False)
        click.echo(f"    {row['request_id']} row {row['row']} at {row['time']}: logged {logged}, answered {new_answer}")


def _print_skipped(skipped: dict[str, int]) -> None:
    for reason, count in sorted(skipped.items(), key=lambda item: -item[1])[:DISPLAYED_LINES]:
        click.echo(f"  {count:,} rows cannot be answered again: {reason}")
