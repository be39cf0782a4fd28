"""Bytes to text: a file is read once, block by block, and what is no text in UTF-8 is refused where it stands.

It stands between a file and the CSV parser, which would take a spreadsheet's archive or a cut byte for values. What
has to be known of all bytes is gathered on the way: the checksum, and how many commas part values.
"""

from __future__ import annotations

import codecs
import hashlib
import io
from typing import BinaryIO

from training.data.errors import DataError

HEAD_BYTES = 1 << 20
"""How much is looked at before parsing begins; a header is far shorter."""

_BOM = codecs.BOM_UTF8
_OTHER_FORMATS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of an old format"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF-", "a PDF file"),
    (b"SQLite format 3\x00", "an SQLite database"),
)
"""The first bytes by which other formats are known, and what they are."""
_REMEDIES = {"UTF-16": "Save it as UTF-8.", "UTF-32": "Save it as UTF-8."}
_WEB_PAGE = (b"<!doctype html", b"<html")
_SHOWN_BYTES = 20


class CheckedText(io.TextIOBase):
    """A file of text to read from, once.

    Args:
        stream: the file's bytes, from their beginning.
        source: its name, for messages.

    Raises:
        DataError: from the constructor and from ``read``, where the file is empty, of another format, holds a NUL byte
            or is not UTF-8; the message names the line.
    """

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._stream = stream
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._digest = hashlib.sha256()
        self._offset = 0
        self._lines = 0
        self._quoted = False
        self.commas = 0
        """How many commas part values, in what was read so far: those within quotes do not count."""
        self.head = self._decoded(HEAD_BYTES)
        """The text's beginning, up to ``HEAD_BYTES``; ``read`` gives it again."""
        self._held = self.head
        if not self.head.strip():
            raise DataError(f"{source} is empty: expected a CSV file with a header and rows.")

    @property
    def sha256(self) -> str:
        """The checksum of the bytes that were read so far."""
        return self._digest.hexdigest()

    def readable(self) -> bool:
        """Say that this can be read."""
        return True

    def read(self, size: int | None = -1) -> str:
        """Return at most ``size`` characters, or all that are left; nothing at the end only."""
        if size is None or size < 0:
            parts, self._held = [self._held], ""
            while part := self._decoded(-1):
                parts.append(part)
            return "".join(parts)
        if self._held:
            text, self._held = self._held[:size], self._held[size:]
            return text
        return self._decoded(size)

    def _decoded(self, size: int) -> str:
        """Read at most ``size`` bytes and decode them; more where all of them are part of one character."""
        while True:
            block = self._stream.read(size)
            first = self._offset == 0
            self._digest.update(block)
            if first:
                self._check_format(block)
                self._offset += len(block) - len(block.removeprefix(_BOM))
                block = block.removeprefix(_BOM)
            self._check_nul(block)
            text = self._decode(block)
            self._offset += len(block)
            self._lines += block.count(b"\n")
            self._count_commas(block)
            if text or not block:
                return text

    def _check_format(self, block: bytes) -> None:
        found = next((name for start, name in _OTHER_FORMATS if block.startswith(start)), None)
        if block[:1000].lstrip(_BOM + b" \t\r\n").lower().startswith(_WEB_PAGE):
            found = "a web page"
        if found is not None:
            remedy = _REMEDIES.get(found, "Unpack it, or save it as CSV with commas, in UTF-8.")
            raise DataError(f"{self._source}: expected a CSV file in UTF-8, got {found}. {remedy}")

    def _check_nul(self, block: bytes) -> None:
        place = block.find(b"\0")
        if place >= 0:
            line = self._lines + block.count(b"\n", 0, place) + 1
            raise DataError(
                f"{self._source}: expected text, got a NUL byte at {self._offset + place} in line {line:,}. The file is"
                " binary, damaged or UTF-16; get a sound copy, or save it as UTF-8."
            )

    def _decode(self, block: bytes) -> str:
        try:
            return self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            # The decoder puts what it kept of the block before in front of this one.
            seen, place = error.object, error.start
            line = self._lines + seen.count(b"\n", 0, place) + 1
            near = seen[:place].rsplit(b"\n", 1)[-1][-_SHOWN_BYTES:].decode("utf-8", "replace")
            where = f"at {self._offset + len(block) - len(seen) + place}, in line {line:,}"
            raise DataError(
                f"{self._source}: expected UTF-8, got byte {seen[place]:#04x} {where}"
                + (f" behind {near!r}" if near else "")
                + ". If it is Latin-1 or Windows-1252, save it as UTF-8; else get a sound copy."
            ) from error

    def _count_commas(self, block: bytes) -> None:
        if b'"' not in block:
            self.commas += 0 if self._quoted else block.count(b",")
            return
        # Every other piece stands within quotes; a doubled quote leaves an empty piece between.
        pieces = block.split(b'"')
        self.commas += sum(piece.count(b",") for piece in pieces[int(self._quoted) :: 2])
        self._quoted ^= len(pieces) % 2 == 0
