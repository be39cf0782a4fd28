"""Sealing: a segment that nobody writes any more is compressed and gets its index.

A killed process can stop at every step. The compressed file gets its name only after it is complete and on the disk, and the
plain file is removed only then, so every line is in exactly one file that counts: the compressed one if it exists.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from monitoring.core_time import offer_core
from monitoring.log.index import IndexBuilder, SegmentIndex, record_keys
from monitoring.log.segments import TEMPORARY, Segment

BLOCK_BYTES = 1 << 20
"""The number of bytes of lines in a gzip member: the amount that is read to find one row."""
COMPRESSION_LEVEL = 1
"""Level 1 of zlib: level 6 makes files 15% smaller and takes four times as long, see docs/prediction-log.md."""
_GZIP = 31
"""The window size of zlib that writes the header of gzip."""
PIECE_BYTES = 16 * 1024
"""The number of bytes that are compressed at once, in some 0.2 ms."""


def seal(segment: Segment) -> SegmentIndex | None:
    """Compress a segment, write its index, and remove the plain file; return None if another process uses the segment.

    Raises:
        OSError: a file cannot be read or written. The plain file then remains.
    """
    try:
        file = segment.plain_path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        if os.fstat(file.fileno()).st_nlink == 0:
            return None  # another process has sealed it since
        if segment.sealed_path.exists():  # a killed process had sealed it
            segment.plain_path.unlink()
            return None
        index = _compress(file, segment)
        segment.plain_path.unlink()
        return index


def _compress(file: BinaryIO, segment: Segment) -> SegmentIndex:
    builder = IndexBuilder()
    temporary = segment.folder / f"{segment.stem}{TEMPORARY}"
    try:
        with temporary.open("wb") as target:
            for block in line_blocks(file):
                content = compress_member(block)
                builder.add(record_keys(block), len(content))
                offer_core()
                target.write(content)
            _flush(target)
        index = builder.build()
        if index.n_lines:
            write_file(segment.index_path, index.encode())
            temporary.rename(segment.sealed_path)
            sync_folder(segment.folder)
    finally:
        temporary.unlink(missing_ok=True)
    return index


def line_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the complete lines of a file in blocks of some ``BLOCK_BYTES``; a torn last line is omitted."""
    rest = b""
    while content := file.read(BLOCK_BYTES):
        content = rest + content
        end = content.rfind(b"\n") + 1
        rest = content[end:]
        if end:
            yield content[:end]


def compress_member(block: bytes) -> bytes:
    """Return a block as a gzip member of its own."""
    compressor = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, _GZIP)
    parts = []
    for start in range(0, len(block), PIECE_BYTES):
        parts.append(compressor.compress(block[start : start + PIECE_BYTES]))
        offer_core()
    return b"".join(parts) + compressor.flush()


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it is complete or absent after a crash."""
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with temporary.open("wb") as target:
            target.write(content)
            _flush(target)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure, if its file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
