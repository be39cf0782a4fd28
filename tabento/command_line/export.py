"""``tabento export``: export a fitted pipeline to ONNX, prove it, and print the parity report. Needs no project."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tabento.command_line.commands import SectionedCommand, SectionedOption, verbose_option
from tabento.command_line.groups import CommandEntry

if TYPE_CHECKING:
    from tabento.bundle.contract import Contract
    from tabento.exact_export import ExportedPipeline
    from tabento.parity.report import ParityReport

ENTRY = CommandEntry(
    name="export",
    module="tabento.command_line.export",
    help="Export a fitted pipeline to ONNX and prove the answers equal.",
    section="Export (needs no project)",
)
EXAMPLES = """examples:
  tabento export model.skops --sample rows.csv -o model.onnx
  tabento export model.skops --sample rows.csv -o model.onnx --trust mysteps.Ratio
  tabento export model.joblib --sample rows.csv -o model.onnx --i-trust-this-file

The contract, with the meaning of each column, is written next to the model: model.contract.json.
A joblib or pickle file can run any program while it is opened; a skops file cannot.
"""


def trust_options(section: str) -> list[SectionedOption]:
    """Return the options that state which code of a file may run."""
    return [
        SectionedOption(
            ["--trust"],
            multiple=True,
            metavar="TYPE",
            section=section,
            help="a type that a skops file may create; repeatable",
        ),
        SectionedOption(
            ["--trust-function", "trust_functions"],
            multiple=True,
            metavar="MODULE.NAME",
            section=section,
            help="a function or transformer class of your own that is run to see what it computes; repeatable",
        ),
        SectionedOption(
            ["--i-trust-this-file"],
            is_flag=True,
            section=section,
            help="open a joblib or pickle file, which can run any program while it is read",
        ),
    ]


def export(
    pipeline: Path,
    sample: Path,
    output: Path,
    target: tuple[str, ...],
    name: str | None,
    columns_from_sample: bool,
    trust: tuple[str, ...],
    trust_functions: tuple[str, ...],
    i_trust_this_file: bool,
) -> None:
    """Load, export, prove, print and save.

    Raises:
        TabentoError: the file cannot be read or is not trusted, the pipeline cannot be exported, or the model does not
            answer what the pipeline answers. Nothing is written.
    """
    from tabento.adopt.column_names import keeps_column_names
    from tabento.adopt.columns import column_facts
    from tabento.adopt.infer import input_names, model_name
    from tabento.adopt.load import load_pipeline, naming_version
    from tabento.adopt.sample import agreed_columns, as_read, read_sample
    from tabento.adopt.version_breaks import known_breaks, require_known
    from tabento.errors import SaveError
    from tabento.exact_export import export_pipeline, prove
    from tabento.export.tracing import trusted_functions

    if not output.parent.is_dir():
        raise SaveError(
            f"--output {output}: the folder {output.parent} does not exist. Create it, or give another path."
        )
    loaded = load_pipeline(pipeline, trust=trust, trust_pickle=i_trust_this_file, trust_functions=trust_functions)
    for remark in loaded.remarks:
        click.echo(f"note: {remark}", err=True)
    with (
        naming_version(loaded.fitted_version, loaded.source),
        trusted_functions(trust_functions),
        _reported_errors(loaded.source, loaded.pipeline),
    ):
        require_known(known_breaks(loaded.pipeline, loaded.fitted_version.foreign), proven=False)
        rows = read_sample(sample)
        header = [str(column) for column in rows.cells.columns if column not in target]
        takes_header = columns_from_sample and not keeps_column_names(loaded.pipeline)
        facts = column_facts(loaded.pipeline, input_names(loaded.pipeline, header if takes_header else None))
        columns = agreed_columns(rows, facts, True, target)
        frame = as_read(rows, columns, facts)
        exported = export_pipeline(
            loaded.pipeline, frame, name=model_name(name, pipeline.stem), target=_one_or_several(target)
        )
        report = prove(loaded.pipeline, exported, frame)
    _print_listing("Contract", contract_rows(exported.contract))
    _print_listing("Parity of pipeline and ONNX model", parity_rows(report))
    contract_path = exported.save(output)
    _print_listing("Saved", saved_rows(exported, output, contract_path))


def _one_or_several(target: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return target[0] if len(target) == 1 else target or None


@contextmanager
def _reported_errors(source: str, pipeline: Any) -> Iterator[None]:
    """Turn errors into one line that names the file.

    Raises:
        AdoptionError: a library raised an error that Tabento has no message for.
        TabentoError: the model does not answer what the pipeline answers.
    """
    from tabento.adopt.errors import AdoptionError
    from tabento.bundle.errors import BundleError
    from tabento.errors import TabentoError
    from tabento.parity.report import ParityError

    try:
        yield
    except ParityError as error:
        raise TabentoError(
            f"the ONNX model of {source} does not answer what the pipeline answers, so it is not written: expected"
            f" {'; '.join(error.report.excesses())}. Report it with the pipeline; --verbose shows the rows."
        ) from error
    except (TabentoError, BundleError):
        raise
    except Exception as error:  # a pipeline of another version or with missing attributes raises anything
        raise AdoptionError(
            f"the {type(pipeline).__name__} of {source} cannot be exported: {type(error).__name__}:"
            f" {' '.join(str(error).split()).rstrip('.')}. Fit and save it again; --verbose shows the place of the error."
        ) from error


def contract_rows(contract: Contract) -> list[tuple[str, str]]:
    """Return each column with its type, range and missing values, and the answer."""
    rows = [(feature.name, feature.expected()) for feature in contract.features]
    return [*rows, ("answer", _answer(contract))]


def _answer(contract: Contract) -> str:
    names = ", ".join(contract.target_names)
    if contract.output.classes is None:
        return names
    labels = ", ".join(repr(label) for label in contract.output.classes)
    return f"{names}: one of {labels}" + (", with probabilities" if contract.output.probabilities else "")


def parity_rows(report: ParityReport) -> list[tuple[str, str]]:
    """Return the numbers of a parity report by name."""
    parts = ", ".join(f"{part.rows:,} {part.name.replace('_', ' ')}" for part in report.parts if part.rows)
    rows = [
        ("compared rows", f"{report.rows:,} ({parts})"),
        ("batches", f"rows alone and in batches of {', '.join(str(batch.size) for batch in report.batches)}"),
        ("relative difference", f"{report.worst_relative:.2g} at worst, {report.limits.relative:.0e} allowed"),
    ]
    if report.trees:
        rows.append(("other branches", f"{report.other_branches:,} rows in {report.trees:,} trees"))
    if report.classification:
        rows.append(("other labels", f"{report.label_flips:,} rows"))
    counted = (
        ("undecided", report.undecided, "rows that scikit-learn answers in more than one way"),
        ("cancelled", report.cancelled, "rows that differ by rounding, because large terms cancel"),
        ("knife edges", report.knife_edges, "rows on the boundary of a decision"),
    )
    rows += [(name, f"{count:,} {meaning}") for name, count, meaning in counted if count]
    return [*rows, ("result", "the model answers what the pipeline answers")]


def saved_rows(exported: ExportedPipeline, model_path: Path, contract_path: Path) -> list[tuple[str, str]]:
    """Return the files that were written."""
    return [("model", f"{model_path} ({len(exported.model):,} bytes)"), ("contract", str(contract_path))]


def _print_listing(title: str, rows: Iterable[tuple[str, str]]) -> None:
    pairs: Sequence[tuple[str, str]] = list(rows)
    width = max(len(name) for name, _ in pairs)
    click.echo("\n".join([title, *(f"  {name:<{width}}  {value}" for name, value in pairs), ""]))


command = SectionedCommand(
    ENTRY.name,
    callback=export,
    help=ENTRY.help,
    epilog=EXAMPLES,
    params=[
        click.Argument(
            ["pipeline"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="a fitted pipeline, of skops.io.dump or joblib.dump",
        ),
        SectionedOption(
            ["--sample"],
            required=True,
            type=click.Path(path_type=Path),
            metavar="CSV",
            help="rows with the columns on which the pipeline was fitted",
        ),
        SectionedOption(
            ["-o", "--output"],
            required=True,
            type=click.Path(path_type=Path),
            metavar="OUT.onnx",
            help="the model that is written",
        ),
        SectionedOption(
            ["--target"],
            takes_several=True,
            metavar="NAME...",
            help="the name of the answer, also if the sample has a column of that name; several for several answers a row",
        ),
        SectionedOption(["--name"], metavar="NAME", help="the model's name (default: that of the file)"),
        SectionedOption(
            ["--columns-from-sample"],
            is_flag=True,
            help="for a pipeline that was fitted on an array: its columns are named as the sample's, by their order",
        ),
        *trust_options("Trust"),
        verbose_option(),
    ],
)
