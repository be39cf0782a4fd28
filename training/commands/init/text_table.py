"""The table as text: every cell as in the file, checked by the reader that training uses."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tabento.tables.csv_table import read_stream
from training.commands.init.errors import InitError

PREFIX_BYTES = 128 << 20
"""The largest number of bytes that are read: of a larger file the first rows, so that memory stays bounded."""
_HEAD_BYTES = 1 << 20


@dataclass(frozen=True)
class TextTable:
    """The rows of a file, or its first ones."""

    frame: pd.DataFrame
    """Every cell as text, index 0 … N-1."""
    is_whole: bool
    """Whether these are all rows of the file."""
    rows_in_file: int
    """The number of rows of the file; estimated by its size if not all were read."""

    @property
    def scale(self) -> float:
        """The number of rows of the file, divided by the number of read rows."""
        return 1.0 if self.is_whole else max(1.001, self.rows_in_file / len(self.frame))


def read_text_table(path: Path, *, prefix_bytes: int = PREFIX_BYTES) -> TextTable:
    """Read a CSV file in UTF-8 with commas as text.

    Raises:
        DataError: it is not well-formed, see ``tabento.tables.csv_table``.
        InitError: it has one column.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        # Names as training's reader makes them: it calls an empty one `Unnamed: 0`.
        head = stream.read(_HEAD_BYTES)
        stream.seek(0)
        content = io.BytesIO(_prefix(stream.read(prefix_bytes))) if size > prefix_bytes else stream
        frame, _ = read_stream(content, path.name, _names(head), ())
        used = content.tell() if size > prefix_bytes else size
    if frame.shape[1] < 2:
        raise InitError(
            f"{path}: expected at least two columns, one of them the target; got one, {str(frame.columns[0])!r}. If"
            " another character delimits its values, name it with --delimiter."
        )
    is_complete = size <= prefix_bytes
    rows = len(frame) if is_complete else round(len(frame) * size / max(1, used))
    return TextTable(frame, is_complete, rows)


def _names(head: bytes) -> list[str]:
    try:
        text = io.StringIO(head.decode("utf-8-sig", "replace"))
        return [str(name) for name in pd.read_csv(text, nrows=0, index_col=False).columns]
    except (ValueError, pd.errors.ParserError):
        # The reader of the complete file reports the error.
        return []


def _prefix(block: bytes) -> bytes:
    """Return the whole rows at the beginning of a block: up to the last line end outside quotes."""
    end = block.rfind(b"\n")
    quotes = block.count(b'"', 0, end + 1)
    while end > 0 and quotes % 2:
        line_end, end = end, block.rfind(b"\n", 0, end)
        quotes -= block.count(b'"', end + 1, line_end)
    return block[: end + 1]
