"""The format of a file: its differences from a table in UTF-8 with commas."""

from __future__ import annotations

import difflib
import gzip
import io
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, cast

from training.commands.init.delimiter import COMMAS, DELIMITERS, Delimiter, detect_delimiter, read_rows
from training.commands.init.encoding import UTF_8, Encoding, detect_encoding
from training.commands.init.errors import InitError
from training.commands.init.numbers import NumberStyle, number_style

HEAD_BYTES = 1 << 20
"""The bytes of a file that are read to find its delimiter and the style of its numbers."""
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_KNOWN_TO_THE_READER = (
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"%PDF-",
    b"SQLite",
)
"""The first bytes of formats that the reader of CSV files refuses by name."""


@dataclass(frozen=True)
class FileFormat:
    """The format of a file."""

    kind: Literal["text", "parquet"] = "text"
    gzipped: bool = False
    encoding: Encoding = UTF_8
    delimiter: Delimiter = COMMAS
    header: tuple[str, ...] = ()
    """The names of the columns without blanks around them; empty for Parquet."""
    has_untidy_header: bool = False
    """Whether names have blanks around them, or several are empty."""
    number_styles: dict[int, NumberStyle] = field(default_factory=dict)
    """By the column's index, the style of its numbers if they are not plain."""

    @property
    def is_plain(self) -> bool:
        """Whether training reads the file without a copy: UTF-8, commas, plain numbers."""
        return not self.changes()

    def changes(self) -> list[str]:
        """Return the changes of a converted copy as text."""
        changes = []
        if self.kind == "parquet":
            changes.append("Parquet")
        if self.gzipped:
            changes.append("gzip")
        if self.encoding != UTF_8:
            changes.append(self.encoding.title)
        if self.delimiter.character != ",":
            character = self.delimiter.character
            changes.append(DELIMITERS.get(character, f"the delimiter {character!r}"))
        if self.delimiter.hint_line:
            changes.append("a first line `sep=`")
        if self.delimiter.blanks_follow:
            changes.append("blanks behind the delimiters")
        if self.has_untidy_header:
            changes.append("blanks around the names of columns, or empty names")
        for title in dict.fromkeys(style.title for style in self.number_styles.values()):
            names = [self.header[place] for place, style in self.number_styles.items() if style.title == title]
            changes.append(f"{title} in {', '.join(names)}")
        return changes


def open_file(path: Path, *, gzipped: bool) -> BinaryIO:
    """Open a file's bytes, unpacked."""
    return cast(BinaryIO, gzip.open(path, "rb")) if gzipped else path.open("rb")


def detect_format(
    path: Path, target: str | None = None, *, encoding: str | None = None, delimiter: str | None = None
) -> FileFormat:
    """Return a file's format.

    Args:
        path: the file.
        target: a column that must be in the header; helps to find the delimiter.
        encoding: the name of the encoding; None to detect it.
        delimiter: the character between values; None to detect it.

    Raises:
        InitError: the file does not exist, is a folder or empty, or cannot be unpacked or decoded.
    """
    if path.is_dir():
        raise InitError(f"{path} is a folder; expected a file: CSV, TSV, Parquet, or one of them with .gz.")
    if path.exists() and not path.is_file():
        raise InitError(f"{path} is not a regular file, and can be read only once. Save the table as a file first.")
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
        if not start:
            raise InitError(f"{path} is empty: expected a table with a header and rows.")
        if start.startswith(_PARQUET):
            return FileFormat(kind="parquet")
        gzipped = start.startswith(_GZIP)
        if not gzipped and start.startswith(_KNOWN_TO_THE_READER):
            return FileFormat()
        return _detect_text(path, gzipped, target, encoding, delimiter)
    except FileNotFoundError:
        raise InitError(f"there is no file {path}: expected a table.{_nearest(path)}") from None
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InitError(
            f"{path} cannot be unpacked: {error}. The file is cut off or damaged; get a sound copy."
        ) from error
    except OSError as error:
        raise InitError(f"{path} cannot be read: {error.strerror or error}. Expected a table.") from error


def _detect_text(
    path: Path, gzipped: bool, target: str | None, encoding_name: str | None, delimiter_name: str | None
) -> FileFormat:
    if encoding_name is not None:
        encoding = _encoding_of_name(encoding_name)
    else:
        with open_file(path, gzipped=gzipped) as stream:
            encoding = detect_encoding(stream)
    with open_file(path, gzipped=gzipped) as stream:
        if gzipped and stream.read(4) == _PARQUET:
            raise InitError(f"{path}: expected a CSV file inside the gzip archive, got Parquet. Unpack it first.")
    with open_file(path, gzipped=gzipped) as stream:
        head = _decode_head(stream.read(HEAD_BYTES), encoding, path)
    if not head.strip():
        raise InitError(f"{path} is empty: expected a table with a header and rows.")
    cut = detect_delimiter(head, target)
    if delimiter_name is not None:
        cut = Delimiter(delimiter_name, hint_line=cut.hint_line)
    text = head.partition("\n")[2] if cut.hint_line else head
    rows = read_rows(text, cut.character, blanks_follow=cut.blanks_follow)
    names = rows[0] if rows else []
    header = [name.strip() for name in names]
    untidy = header != names or header.count("") > 1
    styles = {}
    for place in range(len(header)):
        style = number_style((row[place] for row in rows[1:] if place < len(row)), cut.character)
        if style is not None:
            styles[place] = style
    return FileFormat("text", gzipped, encoding, cut, tuple(header), untidy, styles)


def _decode_head(block: bytes, encoding: Encoding, path: Path) -> str:
    try:
        # The last character might be incomplete.
        return block.decode(encoding.codec, "strict" if encoding != UTF_8 else "replace")
    except UnicodeDecodeError:
        with io.TextIOWrapper(io.BytesIO(block), encoding=encoding.codec, errors="replace", newline="") as text:
            head = text.read()
    if encoding.codec.startswith("utf-16") and "\ufffd" in head[:-2]:
        raise InitError(
            f"{path}: expected {encoding.title}, got bytes that are none. Name the encoding with --encoding."
        )
    return head


def _encoding_of_name(name: str) -> Encoding:
    try:
        "".encode(name)
    except LookupError:
        raise InitError(f"--encoding: expected an encoding such as utf-8, latin-1 or utf-16, got {name!r}.") from None
    return UTF_8 if name.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig") else Encoding(name, name)


def _nearest(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return f" There is no folder {path.parent} either."
    close_names = difflib.get_close_matches(path.name, names, n=3)
    return f" Did you mean {' or '.join(str(path.parent / name) for name in close_names)}?" if close_names else ""
