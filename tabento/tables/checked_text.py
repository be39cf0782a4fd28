"""Bytes to text: a file is read once, block by block, and bytes that are not text in UTF-8 are refused with their position.

This step is between a file and the CSV parser, which would read a spreadsheet's archive or a truncated character as values.
It also computes the checksum and the number of commas that separate values.
"""

from __future__ import annotations

import codecs
import hashlib
import io
from typing import BinaryIO

from tabento.tables.faults import DataError

HEAD_BYTES = 1 << 20
"""The number of bytes that are read before parsing starts; a header is much shorter."""

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
"""The first bytes of other formats, and the formats' names."""
_REMEDIES = {"UTF-16": "Save it as UTF-8.", "UTF-32": "Save it as UTF-8."}
_WEB_PAGE = (b"<!doctype html", b"<html")
_SHOWN_BYTES = 20


class CheckedText(io.TextIOBase):
    """A text file that can be read once.

    Args:
        stream: the file's bytes, from their beginning.
        source: its name, for messages.

    Raises:
        DataError: from the constructor and from ``read``, if the file is empty, has another format, contains a NUL byte or
            is not UTF-8; the message names the line.
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
        """The number of commas that separate values in the bytes read so far; commas within quotes are not counted."""
        self.head = self._read_text(HEAD_BYTES)
        """The beginning of the text, up to ``HEAD_BYTES``; ``read`` returns it again."""
        self._pending = self.head
        if not self.head.strip():
            raise DataError(f"{source} is empty: expected a CSV file with a header and rows.")

    @property
    def sha256(self) -> str:
        """The checksum of the bytes read so far."""
        return self._digest.hexdigest()

    def readable(self) -> bool:
        """Return True, as ``io`` requires of a readable file."""
        return True

    def read(self, size: int | None = -1) -> str:
        """Return at most ``size`` characters, or all remaining ones; an empty text only at the end."""
        if size is None or size < 0:
            parts, self._pending = [self._pending], ""
            while part := self._read_text(-1):
                parts.append(part)
            return "".join(parts)
        if self._pending:
            text, self._pending = self._pending[:size], self._pending[size:]
            return text
        return self._read_text(size)

    def _read_text(self, size: int) -> str:
        """Read at most ``size`` bytes and decode them; read more if all of them are part of one character."""
        while True:
            block = self._stream.read(size)
            is_first_block = self._offset == 0
            self._digest.update(block)
            if is_first_block:
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
        file_format = next((name for start, name in _OTHER_FORMATS if block.startswith(start)), None)
        if block[:1000].lstrip(_BOM + b" \t\r\n").lower().startswith(_WEB_PAGE):
            file_format = "a web page"
        if file_format is not None:
            remedy = _REMEDIES.get(file_format, "Unpack it, or save it as CSV with commas, in UTF-8.")
            raise DataError(f"{self._source}: expected a CSV file in UTF-8, got {file_format}. {remedy}")

    def _check_nul(self, block: bytes) -> None:
        position = block.find(b"\0")
        if position >= 0:
            line = self._lines + block.count(b"\n", 0, position) + 1
            raise DataError(
                f"{self._source}: expected text, got a NUL byte at {self._offset + position} in line {line:,}. The file is"
                " binary, damaged or UTF-16; get a sound copy, or save it as UTF-8."
            )

    def _decode(self, block: bytes) -> str:
        try:
            return self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            # The decoder prepends the incomplete character of the previous block.
            encoded, position = error.object, error.start
            line = self._lines + encoded.count(b"\n", 0, position) + 1
            preceding_text = encoded[:position].rsplit(b"\n", 1)[-1][-_SHOWN_BYTES:].decode("utf-8", "replace")
            position_text = f"at {self._offset + len(block) - len(encoded) + position}, in line {line:,}"
            raise DataError(
                f"{self._source}: expected UTF-8, got byte {encoded[position]:#04x} {position_text}"
                + (f" after {preceding_text!r}" if preceding_text else "")
                + ". If it is Latin-1 or Windows-1252, save it as UTF-8; else get a sound copy."
            ) from error

    def _count_commas(self, block: bytes) -> None:
        if b'"' not in block:
            self.commas += 0 if self._quoted else block.count(b",")
            return
        # Every second piece is within quotes; a doubled quote gives an empty piece between.
        pieces = block.split(b'"')
        self.commas += sum(piece.count(b",") for piece in pieces[int(self._quoted) :: 2])
        self._quoted ^= len(pieces) % 2 == 0
