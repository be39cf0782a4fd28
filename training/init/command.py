"""``tabento init``: its options, and what a person reads at its end."""

from __future__ import annotations

import argparse
import shlex
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from training.init.run import InitResult
    from training.progress import Progress
    from training.settings import TrainingSettings

EXAMPLES = """examples:
  tabento init rows.csv --target Left
  tabento init trips.parquet --target fare --name taxi --out configs/taxi.yaml
  tabento init bank.csv --target y --positive yes

Nothing is trained. The config has a comment for each decision; what is not sure is listed at its
beginning. docs/first-steps.md walks through it.
"""
CONFIG_FOLDER = Path("configs")


def add_init(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``init``.

    Args:
        commands: what ``ArgumentParser.add_subparsers`` returned.
        parents: what all subcommands share.
    """
    command = commands.add_parser(
        "init",
        parents=parents,
        help="write a config for a table of your own",
        description="Look at a table, decide how each column is used, and write a commented config. Trains nothing.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add("data", metavar="FILE", help="CSV, TSV or other delimited text, also as .gz, or Parquet; or an http(s) address")
    add("--target", required=True, metavar="COLUMN", help="the column to predict")
    add("--name", help="the model's name (default: that of the file)")
    add("--out", type=Path, metavar="YAML", help="the config that is written (default: configs/NAME.yaml)")
    add("--force", action="store_true", help="write over a config that is there already")
    add("--task", choices=("regression", "classification"), help="what the answer is (default: the values decide)")
    add("--positive", metavar="CLASS", help="the positive one of two classes (default: yes, true, 1, else the rarer)")
    add("--encoding", help="the file's encoding, such as latin-1 or cp1251 (default: it is looked for)")
    add("--delimiter", type=_delimiter, help="what delimits values, a character or `tab` (default: it is looked for)")
    add("--data-folder", type=Path, metavar="DIR", help="keeps a converted copy of the data (default: data)")
    add(
        "--print-paths",
        action="store_true",
        help="print the config's and the data's path alone on stdout; a config for the same target that is there already is kept",
    )


def run_init(given: argparse.Namespace, settings: TrainingSettings, progress: Progress) -> int:
    """Write the config that the command line asks for, tell what was decided, and return the exit code.

    Raises:
        InitError and the errors of ``training.init.run.init``: there is no config, or it needs a person.
    """
    from training.adoption.infer import model_name
    from training.init.run import init
    from training.init.source import InitRequest
    from training.progress import Progress

    name = model_name(given.name, _stem(given.data))
    request = InitRequest(
        data=_file(given.data, settings.data_folder, progress),
        target=given.target,
        name=name,
        out=given.out or CONFIG_FOLDER / f"{name}.yaml",
        data_folder=settings.data_folder,
        task=given.task,
        positive=given.positive,
        encoding=given.encoding,
        delimiter=given.delimiter,
        force=given.force,
    )
    if given.print_paths:
        from training.init.kept import kept_config

        data = kept_config(request, progress)
        if data is None:
            result = init(request, progress)
            tell(result, progress)
            data = result.data
        Progress().say(f"{request.out}\n{data}")
        return 0
    result = init(request, progress)
    tell(result, progress)
    _tell_next(result, progress)
    return 0


def _stem(data: str) -> str:
    """Return the name of a file or of what an address leads to, without its ending."""
    return PurePosixPath(urlsplit(data).path if _is_address(data) else data).name.partition(".")[0]


def _is_address(data: str) -> bool:
    return data.lower().startswith(("http://", "https://"))


def _file(data: str, data_folder: Path, progress: Progress) -> Path:
    """Return the file that was given, downloaded first if it is an address."""
    if not _is_address(data):
        return Path(data).expanduser()
    from training.data.download import fetch_unpinned

    with progress.step(f"Download {data}") as step:
        path = fetch_unpinned(data, data_folder)
        step.detail = str(path)
    return path


def tell(result: InitResult, progress: Progress) -> None:
    """Print what was decided, and in one list what is not sure."""
    draft = result.draft
    if result.changes or result.rows_without_target:
        left_out = f"{result.rows_without_target:,} rows without a value of the target left out"
        what = [*result.changes, *([left_out] if result.rows_without_target else [])]
        progress.say(f"\nConverted to UTF-8 with commas: {result.data} ({'; '.join(what)})")
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


def _delimiter(text: str) -> str:
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
    character = names.get(text.lower(), text)
    if len(character) != 1 or character in '\r\n"':
        raise argparse.ArgumentTypeError(f"expected one character or `tab`, got {text!r}")
    return character
