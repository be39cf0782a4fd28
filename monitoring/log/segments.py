"""The files of the prediction log: their names, and the list of a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PLAIN, SEALED, INDEX, UPLOADED = ".jsonl", ".jsonl.gz", ".index.npz", ".uploaded"
TEMPORARY = ".tmp"
_TIME_FORMAT = "%Y%m%dT%H%M%S.%f"
_NAME = re.compile(
    r"(?P<stem>(?P<time>[0-9]{8}T[0-9]{6}\.[0-9]{3})Z-[0-9a-f]{8}-[0-9]{6})(?P<suffix>\.jsonl|\.jsonl\.gz|\.index\.npz|\.uploaded)"
)


@dataclass(frozen=True, order=True)
class Segment:
    """One file of records, plain while it is written and compressed afterwards.

    Args:
        stem: the part of its files' names before the suffix. The order of the stems is the order of time.
        folder: the folder of the log.
    """

    stem: str
    folder: Path

    @property
    def plain_path(self) -> Path:
        """The file of the lines as they are written."""
        return self.folder / f"{self.stem}{PLAIN}"

    @property
    def sealed_path(self) -> Path:
        """The compressed file."""
        return self.folder / f"{self.stem}{SEALED}"

    @property
    def index_path(self) -> Path:
        """The index of the compressed file."""
        return self.folder / f"{self.stem}{INDEX}"

    @property
    def uploaded_path(self) -> Path:
        """The mark of an uploaded segment."""
        return self.folder / f"{self.stem}{UPLOADED}"

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files of a sealed segment, in the order in which they are removed: the records first."""
        return (self.sealed_path, self.index_path, self.uploaded_path)

    @property
    def opened_s(self) -> float:
        """The Unix time at which the segment was opened, in seconds."""
        moment = datetime.strptime(self.stem.partition("Z")[0], _TIME_FORMAT)
        return moment.replace(tzinfo=UTC).timestamp()


def new_segment(folder: Path, now_s: float, writer: str, number: int) -> Segment:
    """Return the segment that a writer opens now.

    Args:
        folder: the folder of the log.
        now_s: the Unix time in seconds.
        writer: eight hexadecimal digits that no other process has.
        number: the number of the segment, from 1.
    """
    moment = datetime.fromtimestamp(now_s, UTC)
    time = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03d}Z"
    return Segment(f"{time}-{writer}-{number % 1_000_000:06d}", folder)


def segment_names(names: Iterable[str]) -> dict[str, set[str]]:
    """Return the suffixes of each segment's files by its stem, in the order of the stems; other files are omitted."""
    suffixes: dict[str, set[str]] = {}
    for name in names:
        match = _NAME.fullmatch(name)
        if match and _is_time(match["time"]):
            suffixes.setdefault(match["stem"], set()).add(match["suffix"])
    return dict(sorted(suffixes.items()))


def _is_time(text: str) -> bool:
    """Return whether the time in a name exists: 31 February in a name would stop the removal of old files."""
    try:
        datetime.strptime(text, _TIME_FORMAT)
    except ValueError:
        return False
    return True


def file_names(folder: Path) -> list[str]:
    """Return the names of the plain files of a folder; a folder or pipe with the name of a segment would stop its reader."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_file()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_segments(folder: Path) -> list[Segment]:
    """Return the segments of a folder that have records, in the order of time; none if there is no such folder."""
    return [
        Segment(stem, folder)
        for stem, suffixes in segment_names(file_names(folder)).items()
        if PLAIN in suffixes or SEALED in suffixes
    ]
