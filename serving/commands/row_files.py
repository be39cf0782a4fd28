"""Files of rows, CSV or JSON Lines, as chunks that the decoder of the service reads."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from serving.codec.rows import Rows
from serving.codec.slices import WorkMeter, run_steps
from serving.commands.row_range import RowRange
from serving.model import ServedModel

SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


class RowFileError(Exception):
    """A file of rows cannot be read. The message has the remedy."""


@dataclass(frozen=True)
class Chunk:
    """Rows that are answered in one call of the model."""

    texts: tuple[str, ...]
    """The texts of the rows: a line of CSV each, or a JSON object each."""
    numbers: tuple[int, ...]
    """The position of each row in its file, from 0; the header is not a row."""
    header: str | None
    """The header of CSV; None for JSON Lines."""

    def single(self) -> Iterator[Chunk]:
        """Yield each row as a chunk of its own."""
        for text, number in zip(self.texts, self.numbers, strict=True):
            yield Chunk((text,), (number,), self.header)

    def decode(self, model: ServedModel) -> Rows:
        """Return the rows as the service decodes them, of a request for ``/predict`` or of CSV for ``/invocations``.

        Raises:
            ServingError: the rows do not fit the contract.
        """
        if self.header is None:
            return model.decode(b'{"instances":[%b]}' % ",".join(self.texts).encode(), batch_only=True)
        return run_steps(model.tables.csv_steps("".join((self.header, *self.texts)), WorkMeter()))


def file_format(path: str) -> str:
    """Return the format of a file by the end of its name.

    Raises:
        RowFileError: the name has another end.
    """
    for suffix, name in SUFFIXES.items():
        if path.lower().endswith(suffix):
            return name
    raise RowFileError(
        f"expected a file of rows that ends with {', '.join(SUFFIXES)}, got {path}. Rename or convert it."
    )


def read_chunks(stream: TextIO, path: str, fields: Sequence[str], size: int, part: RowRange) -> Iterator[Chunk]:
    """Yield the rows of a file in chunks.

    Args:
        stream: the text of the file; for CSV opened with ``newline=""``.
        path: the name of the file, which decides the format.
        fields: the names of the contract's fields, of which the header of CSV must have at least one.
        size: the largest number of rows of a chunk.
        part: the rows to yield.

    Raises:
        RowFileError: the file has no header, or is not CSV, or a line is not a JSON object.
    """
    is_csv = file_format(path) == "csv"
    lines = _csv_lines(stream, path) if is_csv else _json_lines(stream, path)
    header = next(lines, None) if is_csv else None
    if is_csv and (header is None or not {*fields} & {*next(csv.reader([header]))}):
        raise RowFileError(
            f"{path}: expected a header with the names of fields such as {', '.join(fields[:3])},"
            f" got {(header or 'an empty file').strip()[:100]!r}. Add the header."
        )
    texts: list[str] = []
    numbers: list[int] = []
    for number, text in enumerate(lines):
        if part.contains(number):
            texts.append(text)
            numbers.append(number)
        if len(texts) == size:
            yield Chunk(tuple(texts), tuple(numbers), header)
            texts, numbers = [], []
    if texts:
        yield Chunk(tuple(texts), tuple(numbers), header)


def _csv_lines(stream: TextIO, path: str) -> Iterator[str]:
    """Yield each record as one text; a cell can contain line ends."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    records = csv.reader(stream, strict=True)
    try:
        for record in records:
            if record:
                writer.writerow(record)
                yield buffer.getvalue()
                buffer.seek(0)
                buffer.truncate()
    except csv.Error as error:
        raise RowFileError(f"{path}, line {records.line_num}: not CSV: {error}. Correct the line.") from error
    except UnicodeDecodeError as error:
        raise RowFileError(f"{path} is not UTF-8 text: {error.reason}. Convert it.") from error


def _json_lines(stream: TextIO, path: str) -> Iterator[str]:
    try:
        for position, line in enumerate(stream, start=1):
            text = line.strip()
            if not text:
                continue
            try:
                # A line with two values, or with a part of one, would change the other rows of its chunk.
                is_object = isinstance(json.loads(text), dict)
            except ValueError as error:
                raise RowFileError(f"{path}, line {position}: not JSON: {error}. Correct the line.") from error
            if not is_object:
                raise RowFileError(f"{path}, line {position}: expected an object, got {text[:60]}. Correct the line.")
            yield text
    except UnicodeDecodeError as error:
        raise RowFileError(f"{path} is not UTF-8 text: {error.reason}. Convert it.") from error
