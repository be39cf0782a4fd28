"""The index of a sealed segment: the place of each request's rows, so that a truth that comes weeks later finds its row."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]


class RecordKey(msgspec.Struct):
    """The keys of a record that the index reads."""

    time: str
    request_id: str
    model: str
    version: str


_decoder = msgspec.json.Decoder(RecordKey)


def record_keys(block: bytes) -> list[RecordKey | None]:
    """Return the keys of the record in each line; None for a line that is not a record."""
    try:
        return list(_decoder.decode_lines(block))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return [_record_key(line) for line in block.removesuffix(b"\n").split(b"\n")]


def _record_key(line: bytes) -> RecordKey | None:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def hash_ids(request_ids: Iterable[bytes]) -> Hashes:
    """Return the first eight bytes of the BLAKE2b hash of each id as a number."""
    digests = [hashlib.blake2b(request_id, digest_size=8).digest() for request_id in request_ids]
    return np.frombuffer(b"".join(digests), "<u8")


@dataclass(frozen=True, eq=False)
class SegmentIndex:
    """The index of the R records of a segment of B gzip members."""

    hashes: Hashes
    """The hashes of the records' request ids, ascending, of shape (R,)."""
    lines: NDArray[np.uint32]
    """The line of each record, from 0, in the order of ``hashes``."""
    offsets: NDArray[np.uint64]
    """The first byte of each gzip member, and the size of the file, of shape (B + 1,)."""
    first_lines: NDArray[np.uint32]
    """The number of the first line of each member, and the number of lines, of shape (B + 1,)."""
    times: tuple[str, str]
    """The earliest and the latest ``time`` of a record; empty texts if there is none."""
    models: tuple[str, ...]
    """``name:version`` of all records."""

    @property
    def n_records(self) -> int:
        """R."""
        return len(self.hashes)

    @property
    def n_lines(self) -> int:
        """The number of lines."""
        return int(self.first_lines[-1])

    def members_with(self, hashes: Hashes) -> list[int]:
        """Return the gzip members that have records of request ids, ascending.

        Args:
            hashes: the hashes of the ids, ascending.
        """
        starts = np.searchsorted(self.hashes, hashes, "left")
        ends = np.searchsorted(self.hashes, hashes, "right")
        has_match = ends > starts
        if not has_match.any():
            return []
        lines = np.concatenate(
            [self.lines[start:end] for start, end in zip(starts[has_match], ends[has_match], strict=True)]
        )
        return [int(member) for member in np.unique(np.searchsorted(self.first_lines, lines, "right") - 1)]

    def encode(self) -> bytes:
        """Return the content of the index's file."""
        file = io.BytesIO()
        np.savez(
            file,
            hashes=self.hashes,
            lines=self.lines,
            offsets=self.offsets,
            first_lines=self.first_lines,
            times=np.array(self.times),
            models=np.array(self.models, dtype=np.str_),
        )
        return file.getvalue()


def read_index(content: bytes) -> SegmentIndex:
    """Return the index in a file.

    Raises:
        ValueError: the content is not an index.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            first, last = arrays["times"].tolist()
            return SegmentIndex(
                hashes=arrays["hashes"],
                lines=arrays["lines"],
                offsets=arrays["offsets"],
                first_lines=arrays["first_lines"],
                times=(first, last),
                models=tuple(arrays["models"].tolist()),
            )
    except Exception as error:
        raise ValueError("the index of a segment cannot be read") from error


class IndexBuilder:
    """Collects the index while a segment is sealed."""

    def __init__(self) -> None:
        self._ids: list[bytes] = []
        self._lines: list[int] = []
        self._offsets = [0]
        self._first_lines = [0]
        self._times: list[str] = []
        self._models: set[str] = set()

    def add(self, keys: Sequence[RecordKey | None], n_bytes: int) -> None:
        """Add a gzip member.

        Args:
            keys: the record of each line.
            n_bytes: the size of the member.
        """
        first = self._first_lines[-1]
        for line, key in enumerate(keys, first):
            if key is not None:
                self._ids.append(key.request_id.encode())
                self._lines.append(line)
        records = [key for key in keys if key is not None]
        if records:
            times = [key.time for key in records]
            self._times += [min(times), max(times)]
            self._models |= {f"{model}:{version}" for model, version in {(key.model, key.version) for key in records}}
        self._offsets.append(self._offsets[-1] + n_bytes)
        self._first_lines.append(first + len(keys))

    def build(self) -> SegmentIndex:
        """Return the index."""
        hashes = hash_ids(self._ids)
        order: NDArray[Any] = np.argsort(hashes, kind="stable")
        return SegmentIndex(
            hashes=hashes[order],
            lines=np.array(self._lines, np.uint32)[order],
            offsets=np.array(self._offsets, np.uint64),
            first_lines=np.array(self._first_lines, np.uint32),
            times=(min(self._times), max(self._times)) if self._times else ("", ""),
            models=tuple(sorted(self._models)),
        )
