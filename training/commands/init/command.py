"""``tabento init``: write a config for a table, and report the decisions."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import click

from tabento.command_line.commands import SectionedCommand, SectionedOption, verbose_option
from training.commands.options import PATH, Invocation, data_folder_option

if TYPE_CHECKING:
    from training.commands.init.run import InitResult
    from training.progress import Progress

EXAMPLES = """examples:
  tabento init rows.csv --target Left
  tabento init trips.parquet --target fare --name taxi --out configs/taxi.yaml
  tabento init bank.csv --target y --positive yes

Nothing is trained. The config has a comment for each decision; uncertain decisions are listed at its
beginning. docs/first-steps.md is a walk-through.
"""
CONFIG_FOLDER = Path("configs")


def init_config(
    invocation: Invocation,
    file: str,
    target: str,
    name: str | None,
    out: Path | None,
    force: bool,
    task: Literal["regression", "classification"] | None,
    positive: str | None,
    encoding: str | None,
    delimiter: str | None,
    print_paths: bool,
) -> None:
    """Write the config, and print the decisions and the next command.

    Raises:
        InitError and the errors of ``training.commands.init.run.init``: no config is written.
    """
    settings, progress = invocation.begin(is_for_shell=print_paths)
    from tabento.adopt.infer import model_name
    from training.commands.init.run import init
    from training.commands.init.source import InitRequest

    name = model_name(name, _stem(file))
    request = InitRequest(
        data=_file(file, settings.data_folder, progress),
        target=target,
        name=name,
        out=out or CONFIG_FOLDER / f"{name}.yaml",
        data_folder=settings.data_folder,
        task=task,
        positive=positive,
        encoding=encoding,
        delimiter=delimiter,
        force=force,
    )
    if print_paths:
        from training.commands.init.existing_config import keep_existing_config

        data = keep_existing_config(request, progress)
        if data is None:
            result = init(request, progress)
            tell(result, progress)
            data = result.data
        click.echo(f"{request.out}\n{data}")
        return
    result = init(request, progress)
    tell(result, progress)
    _tell_next(result, progress)


def _stem(data: str) -> str:
    """Return the name of the file of a path or an address, without its ending."""
    return PurePosixPath(urlsplit(data).path if _is_address(data) else data).name.partition(".")[0]


def _is_address(data: str) -> bool:
    return data.lower().startswith(("http://", "https://"))


def _file(data: str, data_folder: Path, progress: Progress) -> Path:
    """Return the path of a file; an address is downloaded first."""
    if not _is_address(data):
        return Path(data).expanduser()
    from training.data.download import fetch_unpinned

    with progress.step(f"Download {data}") as step:
        path = fetch_unpinned(data, data_folder)
        step.detail = str(path)
    return path


def tell(result: InitResult, progress: Progress) -> None:
    """Print the decisions, and a list of the uncertain ones."""
    draft = result.draft
    if result.changes or result.rows_without_target:
        skipped = f"{result.rows_without_target:,} rows without a value of the target left out"
        changes = [*result.changes, *([skipped] if result.rows_without_target else [])]
        progress.say(f"\nConverted to UTF-8 with commas: {result.data} ({'; '.join(changes)})")
    counts = Counter(str(column.feature["type"]) for column in draft.features if column.feature)
    progress.listing(
        f"{result.out}",
        [
            ("task", f"{draft.target.task}: {draft.target.reason}"),
            ("features", ", ".join(f"{count} {kind}" for kind, count in counts.most_common())),
            (
                "rows",
                f"{draft.rows:,}"
                + (f", {draft.duplicates:,} of them repeat an earlier one" if draft.duplicates else ""),
            ),
        ],
    )
    if draft.dropped:
        progress.listing("Dropped", [(column.name, column.reason) for column in draft.dropped])
    if draft.doubts:
        progress.say("\nNot sure, please look\n" + "\n".join(f"  - {doubt}" for doubt in draft.doubts))


def _tell_next(result: InitResult, progress: Progress) -> None:
    data, out = shlex.quote(str(result.data)), shlex.quote(str(result.out))
    progress.say(
        "\nNext: train it and serve it\n"
        f"  make serve CONFIG={out} DATA={data}\n"
        "or train it only\n"
        f"  tabento train --config {out} --data {data}"
    )


def _delimiter(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
    character = names.get(text.lower(), text)
    if len(character) != 1 or character in '\r\n"':
        raise click.BadParameter(f"expected one character or `tab`, got {text!r}", context, parameter)
    return character


_FILE_SECTION = "File"
command = SectionedCommand(
    "init",
    callback=click.pass_obj(init_config),
    help="Look at a table, decide how each column is used, and write a commented config. Nothing is trained.",
    epilog=EXAMPLES,
    params=[
        click.Argument(
            ["file"],
            metavar="FILE",
            help="CSV, TSV or other delimited text, also as .gz, or Parquet; or an http(s) address",
        ),
        SectionedOption(["--target"], required=True, metavar="COLUMN", help="the column to predict"),
        SectionedOption(["--name"], metavar="NAME", help="the model's name (default: that of the file)"),
        SectionedOption(
            ["--out"], type=PATH, metavar="YAML", help="the config that is written (default: configs/NAME.yaml)"
        ),
        SectionedOption(["--force"], is_flag=True, help="replace an existing config"),
        SectionedOption(
            ["--task"],
            type=click.Choice(("regression", "classification")),
            help="the kind of answer (default: the values decide)",
        ),
        SectionedOption(
            ["--positive"],
            metavar="CLASS",
            help="the positive one of two classes (default: yes, true, 1, else the rarer)",
        ),
        SectionedOption(
            ["--encoding"],
            metavar="ENCODING",
            section=_FILE_SECTION,
            help="the file's encoding, such as latin-1 or cp1251 (default: it is detected)",
        ),
        SectionedOption(
            ["--delimiter"],
            callback=_delimiter,
            metavar="CHARACTER",
            section=_FILE_SECTION,
            help="the character between values, or `tab` (default: it is detected)",
        ),
        data_folder_option("the folder of a converted copy of the data (default: data)", _FILE_SECTION),
        SectionedOption(
            ["--print-paths"],
            is_flag=True,
            help="print the paths of config and data alone on stdout; an existing config for the same target is kept",
        ),
        verbose_option(),
    ],
)
