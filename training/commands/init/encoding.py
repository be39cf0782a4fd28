"""The encoding of a text file: found by its byte order mark, by its NUL bytes, or by bytes that are not valid UTF-8."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import BinaryIO

BLOCK_BYTES = 1 << 20
"""The bytes of a file in memory while its encoding is detected."""

_MARKS = (
    # UTF-32 first: its mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_NUL_SHARE = 0.3
"""From this share of NUL bytes at even or at odd places on, a file without a mark is UTF-16: text in Latin letters has
one in every pair."""
_WINDOWS_ONLY = bytes(range(0x80, 0xA0))
"""Bytes that are letters and quotes in Windows-1252, and control characters in Latin-1."""
_NOT_IN_WINDOWS = b"\x81\x8d\x8f\x90\x9d"


@dataclass(frozen=True)
class Encoding:
    """The encoding of a file's bytes."""

    codec: str
    """The codec's name in Python."""
    title: str
    """Its name in messages."""
    is_guess: bool = False
    """Whether another encoding would be possible: every byte is some letter in Latin-1."""


UTF_8 = Encoding("utf-8-sig", "UTF-8")


def detect_encoding(stream: BinaryIO) -> Encoding:
    """Return a text file's encoding; the file is read block by block, if necessary to its end.

    A file with a valid multi-byte character of UTF-8 before the first error is damaged UTF-8: it stays UTF-8, and the
    reader names the line of the error.

    Args:
        stream: the file's bytes, from their beginning.
    """
    head = stream.read(BLOCK_BYTES)
    for mark, codec, title in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, title)
    for offset, codec in ((1, "utf-16-le"), (0, "utf-16-be")):
        every_second = head[offset::2]
        if every_second and every_second.count(0) > _NUL_SHARE * len(every_second):
            return Encoding(codec, "UTF-16")
    return _by_validity(stream, head)


def _by_validity(stream: BinaryIO, block: bytes) -> Encoding:
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_valid, has_letters = True, False
    high_bytes: set[int] = set()
    while True:
        if is_valid:
            try:
                has_letters |= not decoder.decode(block, final=not block).isascii()
            except UnicodeDecodeError as error:
                is_valid = False
                has_letters |= not error.object[: error.start].isascii()
        if not block.isascii():
            high_bytes.update(byte for byte in set(block) if byte >= 0x80)
        if not block:
            break
        block = stream.read(BLOCK_BYTES)
    if is_valid or has_letters:
        return UTF_8
    if high_bytes.intersection(_WINDOWS_ONLY) and not high_bytes.intersection(_NOT_IN_WINDOWS):
        return Encoding("cp1252", "Windows-1252", is_guess=True)
    return Encoding("latin-1", "Latin-1", is_guess=True)
