"""``tabento import``: adopt a pipeline that was fitted elsewhere, and report the result."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabento.command_line.commands import SectionedCommand, SectionedOption, verbose_option
from tabento.command_line.export import trust_options
from training.commands.options import PATH, Invocation

if TYPE_CHECKING:
    from training.progress import Progress
    from training.stages.adoption.request import ImportResult

EXAMPLES = """examples:
  tabento import --pipeline model.skops --sample rows.csv --target price --config flats.yaml
  tabento import --pipeline model.skops --sample rows.csv --config flats.yaml --trust mysteps.Ratio
  tabento import --pipeline costs.skops --sample rows.csv --target cost hours --config costs.yaml
  tabento import --pipeline model.joblib --sample rows.csv --config flats.yaml --i-trust-this-file
  tabento import --pipeline model.skops --sample rows.csv --config flats.yaml --sklearn auto

The config is written the first time. Edit it and give the same command again: it is then
read, and never written over. A joblib or pickle file can run any program while it is
opened; a skops file cannot. docs/import.md walks through an import.
"""


def import_pipeline(
    invocation: Invocation,
    pipeline: Path,
    sample: Path,
    target: tuple[str, ...],
    config: Path,
    expected: Path | None,
    columns: tuple[str, ...],
    columns_from_sample: bool,
    name: str | None,
    p99_ms: float | None,
    trust: tuple[str, ...],
    trust_functions: tuple[str, ...],
    i_trust_this_file: bool,
    sklearn: str | None,
) -> None:
    """Run the import and print its end.

    Raises:
        UsageError: ``--columns`` and ``--columns-from-sample`` are both given.
        TabentoError and the errors of ``training.stages.adoption.run.adopt``: nothing was stored.
    """
    if columns and columns_from_sample:
        raise click.UsageError("--columns and --columns-from-sample exclude each other")
    settings, progress = invocation.begin(needs_home=True)
    from training.stages.adoption.request import Request
    from training.stages.adoption.run import adopt

    request = Request(
        pipeline=pipeline,
        sample=sample,
        config=config,
        target=target[0] if len(target) == 1 else target or None,
        name=name,
        p99_ms=p99_ms,
        trust=trust,
        trust_pickle=i_trust_this_file,
        trust_functions=trust_functions,
        expected=expected,
        columns_from_sample=columns_from_sample,
        columns=columns,
        sklearn=sklearn,
    )
    tell(config, adopt(request, settings, progress), progress)


def tell(config: Path, result: ImportResult, progress: Progress) -> None:
    """Print the metrics, the stored model, remarks and the next command."""
    from tabento.parity.summary import parity_summary
    from training.stages.adoption.card import figure_rows
    from training.stages.adoption.figures import ROWS

    measured = {name: value for name, value in result.metrics.items() if name != ROWS}
    if measured:
        title = f"{result.config.title}, on the {result.metrics[ROWS]:,.0f} rows of the sample"
        progress.table(title, figure_rows(result.config.output, measured))
    single_row = result.latency.batches[0]
    config_state = (
        "written; edit it and give the same command again to change the model" if result.config_is_new else "read"
    )
    progress.listing(
        "Saved",
        [
            ("parity", parity_summary(result.parity)),
            ("latency", f"one row {single_row.p50_us:.1f} µs, p99 {single_row.p99_us:.1f} µs in ONNX Runtime"),
            ("time", f"{result.seconds:.1f} s"),
            ("bundle", result.tags.bundle),
            ("pipeline", result.tags.pipeline),
            ("in the store", str(result.bundle_folder)),
            ("config", f"{config} ({config_state})"),
        ],
    )
    if result.remarks:
        progress.say("\nTo know\n" + "\n".join(f"  {remark}" for remark in result.remarks))
    progress.say(
        f"\nServe it\n  bentoml serve service:Tabento --arg model={shlex.quote(result.tags.bundle)} --host 127.0.0.1"
    )


command = SectionedCommand(
    "import",
    callback=click.pass_obj(import_pipeline),
    help="Turn a fitted scikit-learn pipeline and a sample of its rows into a checked model in the store.",
    epilog=EXAMPLES,
    params=[
        SectionedOption(
            ["--pipeline"],
            type=PATH,
            required=True,
            metavar="FILE",
            help="a fitted pipeline, of skops.io.dump or joblib.dump",
        ),
        SectionedOption(
            ["--sample"],
            type=PATH,
            required=True,
            metavar="CSV",
            help="rows with the columns on which the pipeline was fitted",
        ),
        SectionedOption(
            ["--target"],
            takes_several=True,
            metavar="NAME...",
            help="the sample's column with the true answers, if it has one; for several answers a row a column for each",
        ),
        SectionedOption(
            ["--config"],
            type=PATH,
            required=True,
            metavar="OUT.yaml",
            help="the config: written if it does not exist, read if it does",
        ),
        SectionedOption(
            ["--expected"],
            type=PATH,
            metavar="ANSWERS.csv",
            help="the answers to the sample of the scikit-learn that fitted the pipeline; they are compared row by row",
        ),
        SectionedOption(
            ["--columns"],
            takes_several=True,
            metavar="NAME...",
            help="for a pipeline that was fitted on an array: the names of its columns in the sample, in its order",
        ),
        SectionedOption(
            ["--columns-from-sample"],
            is_flag=True,
            help="for a pipeline that was fitted on an array: its columns are named as the sample's, by their order",
        ),
        SectionedOption(
            ["--name"], metavar="NAME", help="the model's name, for a new config (default: that of the file)"
        ),
        SectionedOption(
            ["--p99-ms"], type=float, metavar="MS", help="the p99 latency limit, for a new config (default: 10)"
        ),
        *trust_options("Trust"),
        SectionedOption(
            ["--sklearn"],
            metavar="auto|VERSION",
            help="compare with the answers of the scikit-learn that fitted the pipeline, in an environment made by uv",
        ),
        verbose_option(),
    ],
)
