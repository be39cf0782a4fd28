"""``tabento import``: its options, and what a person reads at its end."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.adoption.run import ImportResult
    from training.progress import Progress
    from training.settings import TrainingSettings

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


def add_import(commands: Any, verbose: argparse.ArgumentParser) -> None:
    """Add the subcommand ``import``.

    Args:
        commands: what ``ArgumentParser.add_subparsers`` returned.
        verbose: a parent parser with what all subcommands share.
    """
    command = commands.add_parser(
        "import",
        parents=[verbose],
        help="export, check and store a pipeline that was fitted elsewhere",
        description="Turn a fitted scikit-learn pipeline and a sample of its rows into a checked model in the store.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add(
        "--pipeline",
        type=Path,
        required=True,
        metavar="FILE",
        help="a fitted pipeline, of skops.io.dump or joblib.dump",
    )
    add("--sample", type=Path, required=True, metavar="CSV", help="rows with the columns on which it was fitted")
    add(
        "--target",
        nargs="+",
        metavar="NAME",
        help="the sample's column with the true answers, if it has one; for several answers a row a column for each",
    )
    add("--config", type=Path, required=True, metavar="OUT.yaml", help="written if it is not there, read if it is")
    add(
        "--expected",
        type=Path,
        metavar="ANSWERS.csv",
        help="what the scikit-learn that fitted the pipeline answers to the sample; it is compared row by row",
    )
    names = command.add_mutually_exclusive_group()
    names.add_argument(
        "--columns",
        nargs="+",
        default=[],
        metavar="NAME",
        help="for a pipeline that was fitted on an array: the names of its columns in the sample, in its order",
    )
    names.add_argument(
        "--columns-from-sample",
        action="store_true",
        help="for a pipeline that was fitted on an array: its columns are named as the sample's, by their order",
    )
    add("--name", help="the model's name, for a new config (default: that of the file)")
    add("--p99-ms", type=float, metavar="MS", help="the latency promise, for a new config (default: 10)")
    add("--trust", action="append", default=[], metavar="TYPE", help="a type that a skops file may create; repeatable")
    add(
        "--trust-function",
        action="append",
        default=[],
        metavar="MODULE.NAME",
        help="a function or transformer class of your own that is run to see what it computes; repeatable",
    )
    add(
        "--i-trust-this-file",
        action="store_true",
        help="open a joblib or pickle file, which can run any program while it is read",
    )
    add(
        "--sklearn",
        metavar="auto|VERSION",
        help="compare with the own answers of the scikit-learn that fitted it, in an environment made by uv",
    )


def run_import(given: argparse.Namespace, settings: TrainingSettings, progress: Progress) -> None:
    """Run the import that the command line asks for and tell its end.

    Raises:
        TrainingError and the errors of ``training.adoption.run.adopt``: nothing was stored.
    """
    from training.adoption.run import Request, adopt

    request = Request(
        pipeline=given.pipeline,
        sample=given.sample,
        config=given.config,
        target=given.target[0] if given.target and len(given.target) == 1 else tuple(given.target or ()) or None,
        name=given.name,
        p99_ms=given.p99_ms,
        trust=tuple(given.trust),
        trust_pickle=given.i_trust_this_file,
        trust_functions=tuple(given.trust_function),
        expected=given.expected,
        columns_from_sample=given.columns_from_sample,
        columns=tuple(given.columns),
        sklearn=given.sklearn,
    )
    tell(request.config, adopt(request, settings, progress), progress)


def tell(config: Path, result: ImportResult, progress: Progress) -> None:
    """Print what was made, how good it is, what to know and what to do next."""
    from training.adoption.card import figure_rows
    from training.adoption.figures import ROWS
    from training.adoption.run import proof_in_words

    measured = {name: value for name, value in result.metrics.items() if name != ROWS}
    if measured:
        title = f"{result.config.title}, on the {result.metrics[ROWS]:,.0f} rows of the sample"
        progress.table(title, figure_rows(result.config.output, measured))
    one = result.latency.batches[0]
    written = "written; edit it and give the same command again to change the model" if result.config_is_new else "read"
    progress.listing(
        "Saved",
        [
            ("parity", proof_in_words(result.parity)),
            ("latency", f"one row {one.p50_us:.1f} µs, p99 {one.p99_us:.1f} µs in ONNX Runtime"),
            ("time", f"{result.seconds:.1f} s"),
            ("bundle", result.tags.bundle),
            ("pipeline", result.tags.pipeline),
            ("in the store", str(result.bundle_folder)),
            ("config", f"{config} ({written})"),
        ],
    )
    if result.remarks:
        progress.say("\nTo know\n" + "\n".join(f"  {remark}" for remark in result.remarks))
    progress.say(f"\nServe it\n  bentoml serve service:Tabento --arg model={shlex.quote(result.tags.bundle)}")
