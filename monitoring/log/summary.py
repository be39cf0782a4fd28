"""The segments of a log folder with their numbers, and the check of their content."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monitoring.log.index import IndexBuilder, SegmentIndex, read_index, record_keys
from monitoring.log.sealing import line_blocks
from monitoring.log.segments import Segment, list_segments


@dataclass(frozen=True)
class SegmentSummary:
    """The numbers of one segment."""

    name: str
    state: str
    """``plain``, ``sealed`` or ``uploaded``."""
    records: int
    n_bytes: int
    """The bytes of its files."""
    first: str
    """The earliest time of a record."""
    last: str
    """The latest time of a record."""
    models: tuple[str, ...]
    """``name:version`` of its records."""


def summaries(folder: Path) -> Iterator[SegmentSummary]:
    """Yield the numbers of each segment; a segment that was removed meanwhile is omitted."""
    for segment in list_segments(folder):
        try:
            index = _stored_index(segment) or _built_index(segment)[0]
            paths = [path for path in (segment.plain_path, *segment.paths) if path.exists()]
            n_bytes = sum(path.stat().st_size for path in paths)
        except FileNotFoundError:
            continue
        state = "plain"
        if segment.sealed_path.exists():
            state = "uploaded" if segment.uploaded_path.exists() else "sealed"
        yield SegmentSummary(segment.stem, state, index.n_records, n_bytes, *index.times, index.models)


def faults(folder: Path) -> Iterator[tuple[str, str]]:
    """Read every segment completely; yield the name of each damaged one with the fault.

    A torn last line of a plain segment is not a fault: a living process may be writing it.
    """
    for segment in list_segments(folder):
        try:
            built, n_damaged = _built_index(segment)
        except FileNotFoundError:
            continue
        except (EOFError, zlib.error, gzip.BadGzipFile):
            yield segment.stem, "the compressed file is damaged; the records before the damage can still be read"
            continue
        if n_damaged:
            yield segment.stem, f"{n_damaged} lines are not records; the others can be read"
        if not segment.sealed_path.exists():
            continue
        try:
            stored = read_index(segment.index_path.read_bytes())
        except FileNotFoundError:
            yield segment.stem, "the index is missing, so that its rows are found slowly"
            continue
        except ValueError:
            yield segment.stem, "the index is damaged, so that its rows are found slowly"
            continue
        if stored.n_lines != built.n_lines or not np.array_equal(stored.hashes, built.hashes):
            yield (
                segment.stem,
                (f"the index has {stored.n_records} records, but the file has {built.n_records}; remove the index"),
            )


def _stored_index(segment: Segment) -> SegmentIndex | None:
    try:
        return read_index(segment.index_path.read_bytes()) if segment.sealed_path.exists() else None
    except (FileNotFoundError, ValueError):
        return None


def _built_index(segment: Segment) -> tuple[SegmentIndex, int]:
    """Return the index of the lines of a segment, as they are now, and the number of lines that are not records."""
    builder = IndexBuilder()
    n_damaged = 0
    is_sealed = segment.sealed_path.exists()
    with gzip.open(segment.sealed_path) if is_sealed else segment.plain_path.open("rb") as file:
        for block in line_blocks(file):  # type: ignore[arg-type]
            keys = record_keys(block)
            n_damaged += keys.count(None)
            builder.add(keys, len(block))
    return builder.build(), n_damaged
