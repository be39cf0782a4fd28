"""Reading the prediction log: all records of a time, or the rows of request ids. See docs/prediction-log.md."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec
import numpy as np

from monitoring.log.index import Hashes, SegmentIndex, hash_ids, read_index
from monitoring.log.segments import INDEX, PLAIN, SEALED, file_names, segment_names

Record = dict[str, Any]
RowKey = tuple[str, int]
"""A request id, and the index of a row in its request."""

READ_BYTES = 1 << 20
_decode = msgspec.json.Decoder(Record).decode


class LogFolder(Protocol):
    """A folder of segments, on this machine or at a URL."""

    def names(self) -> list[str]:
        """Return the names of its files."""

    def open(self, name: str) -> BinaryIO:
        """Return an open file.

        Raises:
            FileNotFoundError: there is no such file.
        """


class LocalFolder:
    """A folder on this machine.

    Args:
        path: its path.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        """Return the names of its files."""
        return file_names(self._path)

    def open(self, name: str) -> BinaryIO:
        """Return an open file."""
        return (self._path / name).open("rb")


class RemoteFolder:
    """A folder at an fsspec URL.

    Args:
        url: the URL, such as ``s3://bucket/log``.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self._files, self._path = fsspec.core.url_to_fs(url)

    def names(self) -> list[str]:
        """Return the names of its files."""
        try:
            return [str(path).rpartition("/")[2] for path in self._files.ls(self._path, detail=False)]
        except FileNotFoundError:
            return []

    def open(self, name: str) -> BinaryIO:
        """Return an open file."""
        file: BinaryIO = self._files.open(f"{self._path.rstrip('/')}/{name}", "rb")
        return file


def open_folder(folder: str | Path) -> LogFolder:
    """Return a folder by its path or URL."""
    text = str(folder)
    return RemoteFolder(text) if "://" in text else LocalFolder(Path(folder))


def read_log(
    folder: str | Path,
    model: str | None = None,
    since: float | None = None,
    until: float | None = None,
    *,
    version: str | None = None,
    failures: bool = False,
) -> Iterator[Record]:
    """Yield the records of a log, segment by segment in the order of their names.

    A line that is not complete JSON, such as the last line of a killed process, is omitted.

    Args:
        folder: the path of the log's folder, or an fsspec URL.
        model: yield only records of this model.
        since: yield only records of this Unix time in seconds or later.
        until: yield only records before this Unix time in seconds.
        version: yield only records of this version.
        failures: whether to yield the records of refused requests too.
    """
    first, last = None if since is None else time_text(since), None if until is None else time_text(until)
    source = open_folder(folder)
    for stem, suffixes in segment_names(source.names()).items():
        index = _index(source, stem) if INDEX in suffixes and SEALED in suffixes else None
        if index is not None and not _overlaps(index, model, version, first, last):
            continue
        for line in segment_lines(source, stem):
            record = _record(line)
            if record is None or (not failures and "code" in record):
                continue
            if model is not None and record["model"] != model:
                continue
            if version is not None and record["version"] != version:
                continue
            if (first is None or record["time"] >= first) and (last is None or record["time"] < last):
                yield record


def find_rows(folder: str | Path, keys: Iterable[RowKey]) -> dict[RowKey, Record]:
    """Return the records of rows by request id and row; rows that the log does not have are absent.

    If a request id occurs several times, the record with the latest time is returned. If both a champion and a challenger answered
    the row, the champion's record is returned, because a challenger in the shadow answers no client.

    Args:
        folder: the path of the log's folder, or an fsspec URL.
        keys: pairs of a request id and the index of the row.
    """
    return {key: records[0] for key, records in find_answers(folder, keys).items()}


def find_answers(folder: str | Path, keys: Iterable[RowKey]) -> dict[RowKey, list[Record]]:
    """Return the records of rows by request id and row: of each model version and variant the latest one, the champion's first.

    Args:
        folder: the path of the log's folder, or an fsspec URL.
        keys: pairs of a request id and the index of the row.
    """
    requested_keys = set(keys)
    latest_records: dict[RowKey, dict[tuple[str, ...], Record]] = {}
    for record in find_requests(folder, {request_id for request_id, _ in requested_keys}):
        key = (record["request_id"], record.get("row", -1))
        if key not in requested_keys:
            continue
        records = latest_records.setdefault(key, {})
        version = (record["model"], record["version"], record.get("variant", ""))
        if version not in records or records[version]["time"] <= record["time"]:
            records[version] = record
    return {key: sorted(records.values(), key=_rank, reverse=True) for key, records in latest_records.items()}


def _rank(record: Record) -> tuple[bool, str]:
    """Return the order of the records of one row: any champion's before any challenger's, then by time."""
    return record.get("variant") != "challenger", record["time"]


def find_requests(folder: str | Path, request_ids: Iterable[str]) -> Iterator[Record]:
    """Yield all records of requests, those of refused ones too, segment by segment.

    Args:
        folder: the path of the log's folder, or an fsspec URL.
        request_ids: the ids of the requests.
    """
    ids = {request_id.encode(errors="replace") for request_id in request_ids}
    if not ids:
        return
    hashes = np.unique(hash_ids(ids))
    source = open_folder(folder)
    for stem, suffixes in segment_names(source.names()).items():
        index = _index(source, stem) if INDEX in suffixes and SEALED in suffixes else None
        lines = segment_lines(source, stem) if index is None else _indexed_lines(source, stem, index, hashes)
        for line in lines:
            record = _record(line) if _request_id(line) in ids else None
            if record is not None:
                yield record


def time_text(time_s: float) -> str:
    """Return a Unix time in seconds as the ``time`` of a record; a time outside the years 1 to 9999 is the nearest one."""
    bounded = min(max(time_s, -62_135_596_800.0), 253_402_300_799.0)
    moment = datetime.fromtimestamp(bounded, UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def time_seconds(text: str) -> float:
    """Return the Unix time in seconds of the ``time`` of a record."""
    return datetime.fromisoformat(text).timestamp()


def segment_lines(source: LogFolder, stem: str) -> Iterator[bytes]:
    """Yield the complete lines of a segment; none if it was removed meanwhile.

    A compressed file whose end is missing or damaged yields the lines before the damage.
    """
    rest = b""
    for content in _contents(source, stem):
        lines = (rest + content).split(b"\n")
        rest = lines.pop()
        yield from lines


def _contents(source: LogFolder, stem: str) -> Iterator[bytes]:
    """Yield the content of a segment in pieces. A segment can be sealed while its name is read, so both names are tried."""
    for suffix in (SEALED, PLAIN, SEALED):
        try:
            file = source.open(f"{stem}{suffix}")
        except FileNotFoundError:
            continue
        with file:
            if suffix == PLAIN:
                while content := file.read(READ_BYTES):
                    yield content
            else:
                yield from _unzip(file)
        return


def _unzip(file: BinaryIO) -> Iterator[bytes]:
    member = zlib.decompressobj(31)
    while content := file.read(READ_BYTES):
        while content:
            try:
                yield member.decompress(content)
            except zlib.error:
                return
            content = member.unused_data
            if member.eof:
                member = zlib.decompressobj(31)


def _indexed_lines(source: LogFolder, stem: str, index: SegmentIndex, hashes: Hashes) -> Iterator[bytes]:
    """Yield the lines of the gzip members that can have the rows."""
    members = index.members_with(hashes)
    if not members:
        return
    with suppress(FileNotFoundError), source.open(f"{stem}{SEALED}") as file:
        for member in members:
            start, end = int(index.offsets[member]), int(index.offsets[member + 1])
            file.seek(start)
            try:
                yield from zlib.decompress(file.read(end - start), 31).splitlines()
            except zlib.error:
                continue


def _index(source: LogFolder, stem: str) -> SegmentIndex | None:
    try:
        with source.open(f"{stem}{INDEX}") as file:
            return read_index(file.read())
    except (FileNotFoundError, ValueError):
        return None


def _overlaps(index: SegmentIndex, model: str | None, version: str | None, first: str | None, last: str | None) -> bool:
    """Return whether a segment can have records of a model, a version and a time."""
    tags = [tag.rpartition(":") for tag in index.models]
    if not any(model in (None, name) and version in (None, of_version) for name, _, of_version in tags):
        return False
    return (first is None or index.times[1] >= first) and (last is None or index.times[0] < last)


def _record(line: bytes) -> Record | None:
    try:
        record = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    is_whole = {"time", "model", "version", "request_id"} <= record.keys() and isinstance(record["time"], str)
    return record if is_whole else None


def _request_id(line: bytes) -> bytes:
    """Return the request id in a line. Ids have no character that JSON escapes."""
    return line.partition(b'"request_id":"')[2].partition(b'"')[0]
