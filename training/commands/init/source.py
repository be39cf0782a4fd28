"""The source of a config: the file of the user, or a converted copy that training can read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.commands.init.conversion import write_copy
from training.commands.init.file_format import FileFormat, detect_format
from training.commands.init.profile import profile_column
from training.commands.init.target import Task, find_target
from training.commands.init.text_table import PREFIX_BYTES, TextTable, read_text_table


@dataclass(frozen=True)
class InitRequest:
    """The request of a user."""

    data: Path
    target: str
    name: str
    out: Path
    """The config that is written."""
    data_folder: Path
    """The folder of a converted copy of the data."""
    task: Task | None = None
    positive: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    force: bool = False
    """Whether an existing config is replaced."""
    prefix_bytes: int = PREFIX_BYTES
    """The number of bytes of the file that are read."""


@dataclass(frozen=True)
class Source:
    """A table that training can read."""

    path: Path
    file_format: FileFormat
    table: TextTable
    rows_without_target: int


def open_source(request: InitRequest) -> Source:
    """Read a file, converting it first if training could not read it as it is.

    Raises:
        InitError, DataError: see ``init``.
    """
    file_format = detect_format(request.data, request.target, encoding=request.encoding, delimiter=request.delimiter)
    if file_format.kind == "text" and file_format.header and len(file_format.header) > 1:
        # Before anything is copied.
        find_target(file_format.header, request.target, request.data.name)
    path, left_out = request.data, 0
    copy = request.data_folder / f"{request.name}.converted.csv"
    if not file_format.is_plain:
        left_out = write_copy(request.data, file_format, copy, target=request.target)
        path = copy
    table = read_text_table(path, prefix_bytes=request.prefix_bytes)
    target = find_target(map(str, table.frame.columns), request.target, request.data.name)
    if path is request.data and profile_column(table.frame[target]).missing:
        left_out = write_copy(request.data, file_format, copy, target=target)
        path = copy
        table = read_text_table(path, prefix_bytes=request.prefix_bytes)
    return Source(path, file_format, table, left_out)
