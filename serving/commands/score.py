"""``tabento score``: answer the rows of a file with a stored model. See docs/score.md."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from serving.commands.row_range import RowRange

HELP_OPTIONS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
FILE_ERROR = 74
"""The exit code of a file that could not be read or written (EX_IOERR of sysexits.h): a second attempt can succeed."""
STDOUT = "-"
"""The name of standard output in place of a file."""
PROGRESS_ROWS = 100_000
"""The rows between two lines of progress."""


class _Part(click.ParamType[RowRange]):
    """``INDEX/COUNT`` of ``--part``."""

    name = "index/count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> RowRange:
        index, separator, count = str(value).partition("/")
        if not (separator and index.isdecimal() and count.isdecimal() and int(index) < int(count)):
            self.fail(f"expected INDEX/COUNT such as 0/4, with an index from 0 to COUNT - 1, got {value!r}", param, ctx)
        return RowRange(int(index), int(count))


@click.command("score", context_settings=HELP_OPTIONS)
@click.argument("rows")
@click.option("--model", required=True, help="name:version or name in the model store, or the folder of a bundle")
@click.option(
    "--output",
    required=True,
    help="the file of answers, one JSON object a line: a path, an fsspec URL, or - for standard output",
)
@click.option(
    "--part", type=_Part(), default="0/1", help="answer one of COUNT parts of the file: INDEX/COUNT, by default 0/1"
)
@click.option(
    "--ignore-unknown", is_flag=True, help="skip columns that the model does not have, instead of refusing the rows"
)
@click.option(
    "--max-refused",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="the largest share of rows that may be refused; more is exit code 1",
)
def command(rows: str, model: str, output: str, part: RowRange, ignore_unknown: bool, max_refused: float) -> None:
    """Answer the rows of the file ROWS (.csv with a header, or .jsonl; a path or an fsspec URL).

    Each row gets the answer that the service gives, or the error that it gives to a row that does not fit the contract. The
    output has the number of the row in the file, from 0. A file is complete or does not exist.

    Exit codes: 0; 1 if rows were refused or an input is wrong; 2 for wrong usage; 74 if a file could not be read or written.
    """
    # ONNX Runtime is only imported by the commands that need it.
    from serving.commands.row_files import RowFileError, file_format, read_chunks
    from serving.commands.scoring import ScoreCounts, score

    counts = ScoreCounts()
    start_s = time.monotonic()
    try:
        file_format(rows)
        served = _load(model, ignore_unknown)
        with _open_input(rows) as source, _open_output(output) as target:
            chunks = read_chunks(source, rows, served.bundle.contract.field_names, served.max_rows, part)
            for position, answer in enumerate(score(served, chunks, counts), start=1):
                target.write(json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n")
                if position % PROGRESS_ROWS == 0:
                    click.echo(f"{position:,} rows", err=True)
            if not counts.answered + counts.refused:
                raise RowFileError(f"{rows} has no rows in the part {part.index}/{part.count}.")
    except RowFileError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise _FileError(_file_reason(error)) from error
    total, elapsed_s = counts.answered + counts.refused, time.monotonic() - start_s
    is_stdout = output == STDOUT  # it has the answers, and nothing else
    click.echo(
        f"{output}: {counts.answered:,} rows answered by {served.bundle.tag}, {counts.refused:,} refused, {elapsed_s:.1f} s",
        err=is_stdout,
    )
    for reason, number in sorted(counts.reasons.items(), key=lambda item: -item[1])[:10]:
        click.echo(f"  {number:,} rows: {reason}", err=is_stdout)
    if counts.refused > max_refused * total:
        raise click.ClickException(
            f"{counts.refused:,} of {total:,} rows were refused, above {max_refused:.1%}. Their lines in {output} have the reason."
        )


class _FileError(click.ClickException):
    """The end of the command for a file that could not be read or written."""

    exit_code = FILE_ERROR


def _file_reason(error: OSError) -> str:
    """Return the message for a file that could not be read or written."""
    if error.filename is None:
        return str(error)
    return f"{error.filename}: {error.strerror}. Correct the path or its rights, and run the command again."


def _load(model: str, ignore_unknown: bool) -> Any:
    """Return the model, made ready to answer.

    Raises:
        click.ClickException: the bundle does not exist or cannot be loaded, or a setting is wrong.
    """
    from rollout.signature_policy import signature_policy
    from runners.errors import RunnerError
    from serving.errors import ServingError
    from serving.fleet.starting_bundle import fetch_if_missing
    from serving.model import ServedModel
    from serving.settings import SettingsError, load_settings
    from tabento.bundle.errors import BundleError
    from tabento.bundle.manifest import verify_manifest
    from tabento.bundle.store import load_bundle, read_bundle

    folder = Path(model)
    try:
        settings = load_settings(Path(__file__).parents[2])
        if ignore_unknown:
            settings = settings.model_copy(update={"unknown_fields": "ignore"})
        signatures = signature_policy(settings)
        if folder.is_dir():
            bundle = read_bundle(folder, f"{verify_manifest(folder).name}:{folder.name}", signatures)
        elif "/" in model:
            raise click.ClickException(
                f"--model: expected name, name:version or the folder of a bundle, and {model} is not a folder. Correct it."
            )
        else:
            fetch_if_missing(settings, model)
            bundle = load_bundle(model, signatures)
        return ServedModel(bundle, settings)
    except (BundleError, RunnerError, ServingError, SettingsError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _open_input(path: str) -> Iterator[TextIO]:
    if "://" in path:
        import fsspec

        with fsspec.open(path, "r", encoding="utf-8-sig", newline="") as stream:
            yield stream
        return
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        yield file


@contextmanager
def _open_output(path: str) -> Iterator[TextIO]:
    """Open the file of answers. It appears under its name when the block ends without an error."""
    if path == STDOUT:
        yield sys.stdout
        return
    if "://" in path:
        import fsspec

        files, name = fsspec.core.url_to_fs(path)
        with files.transaction, files.open(name, "w", encoding="utf-8") as stream:
            yield stream
        return
    final = Path(path)
    temporary = final.with_name(f".{final.name}.part")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            yield file
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    command(prog_name="python -m serving.commands.score")
